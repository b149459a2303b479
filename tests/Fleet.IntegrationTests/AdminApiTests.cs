using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>Bad input to the admin API: the error names the field, and nothing changes.</summary>
public sealed class AdminApiTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task Without_a_good_token_nothing_is_told()
    {
        using var client = _fleet.NewHttpClient("wrong");
        using var response = await client.GetAsync("/api/v1/devices");
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Fact]
    public async Task Firmware_is_checked_before_it_is_kept()
    {
        byte[] image = RandomNumberGenerator.GetBytes(1000);
        await _fleet.Problem(HttpMethod.Put, "firmware/amr/1.x", new ByteArrayContent(image), HttpStatusCode.BadRequest, "invalid-request");
        var wrong = await _fleet.Problem(HttpMethod.Put, $"firmware/amr/1.0.0?sha256={new string('0', 64)}", new ByteArrayContent(image), HttpStatusCode.BadRequest, "digest-mismatch");
        Assert.Contains("sha256", wrong.ToJsonString(), StringComparison.Ordinal);
        await _fleet.Problem(HttpMethod.Get, "firmware/amr/1.0.0", null, HttpStatusCode.NotFound, "firmware-not-found");
        await _fleet.Problem(HttpMethod.Post, "firmware/amr/1.0.0/publish", null, HttpStatusCode.NotFound, "firmware-not-found");

        using var http = _fleet.NewHttpClient();
        using var content = new ByteArrayContent(image);
        content.Headers.TryAddWithoutValidation("Content-Digest", $"sha-256=:{Convert.ToBase64String(SHA256.HashData(image))}:");
        using var stored = await http.PutAsync("/api/v1/firmware/amr/1.0.0", content);
        Assert.Equal(HttpStatusCode.Created, stored.StatusCode);
        using var again = await http.PutAsync("/api/v1/firmware/amr/1.0.0", new ByteArrayContent(image));
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        await _fleet.Problem(HttpMethod.Put, "firmware/amr/1.0.0", new ByteArrayContent([1, 2, 3]), HttpStatusCode.Conflict, "version-in-use");
        Assert.Equal(image, await http.GetByteArrayAsync("/api/v1/firmware/amr/1.0.0/content"));
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "/api/v1/firmware/amr/9.9.9") { Content = new Endless(1L << 31) };
        using var client = _fleet.NewHttpClient();
        client.DefaultRequestHeaders.ExpectContinue = true;
        using var response = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Theory]
    [InlineData("{", null)]
    [InlineData("""{"target":{"query":"model:amr"},"firmware":{"model":"amr","version":"1.0.0"},"plan":{"phases":[{"percent":100}]}}""", "name")]
    [InlineData("""{"name":"x","target":{"query":"model:amr"},"firmware":{"model":"amr","version":"1.0.0"},"plan":{"phases":[{"percent":50},{"percent":20}]}}""", "plan.phases[1].percent")]
    [InlineData("""{"name":"x","target":{"query":"model:amr"},"firmware":{"model":"amr","version":"1.0.0"},"plan":{"phases":[{"percent":150}]}}""", "plan.phases[0].percent")]
    [InlineData("""{"name":"x","target":{"query":"model:amr"},"firmware":{"model":"amr","version":"1.0.0"},"plan":{"phases":[{"percent":100,"colour":"red"}]}}""", "plan.phases[0].colour")]
    public async Task An_impossible_plan_is_refused_by_the_field_that_is_wrong(string body, string? field)
    {
        var problem = await _fleet.Problem(HttpMethod.Post, "rollouts", Json(body), HttpStatusCode.BadRequest, "invalid-request");
        if (field is not null) Assert.Equal(field, (string?)problem["field"]);
        Assert.Empty((await _fleet.Get("rollouts"))["items"]!.AsArray());
    }

    [Theory]
    [InlineData("""{"phases":[{"percent":1,"soak":"PT30M"},{"percent":100}]}""", "plan.phases[0].soak")]
    [InlineData("""{"phases":[{"percent":100,"approval":true}]}""", "plan.phases[0].approval")]
    [InlineData("""{"phases":[{"percent":100}],"window":{"timeZone":"Asia/Tokyo","daily":"01:00/05:00"}}""", "plan.window")]
    [InlineData("""{"phases":[{"percent":100}],"rollback":{"to":"1.0.0","on":"abort"}}""", "plan.rollback")]
    [InlineData("""{"phases":[{"percent":100}],"concurrency":{"total":5,"per":{"site":1}}}""", "plan.concurrency.per")]
    [InlineData("""{"phases":[{"percent":100}],"gates":[{"failure":"any","limitPercent":2,"confidence":0.95,"action":"pause"}]}""", "plan.gates[0].limitPercent")]
    public async Task What_a_plan_cannot_do_yet_is_refused_rather_than_ignored(string plan, string field)
    {
        string body = $$"""{"name":"x","target":{"query":"model:amr"},"firmware":{"model":"amr","version":"1.0.0"},"plan":{{plan}}}""";
        var problem = await _fleet.Problem(HttpMethod.Post, "rollouts", Json(body), HttpStatusCode.BadRequest, "not-supported");
        Assert.Equal(field, (string?)problem["field"]);
    }

    [Fact]
    public async Task Rollouts_need_firmware_that_is_published_and_devices_of_its_model()
    {
        var problem = await _fleet.Problem(HttpMethod.Post, "rollouts", JsonContent.Create(Rollouts.Request("amr", "1.0.0")), HttpStatusCode.BadRequest, "invalid-request");
        Assert.StartsWith("firmware", (string)problem["field"]!, StringComparison.Ordinal);
        await _fleet.Publish("amr", "1.0.0");
        problem = await _fleet.Problem(HttpMethod.Post, "rollouts", JsonContent.Create(Rollouts.Request("amr", "1.0.0")), HttpStatusCode.BadRequest, "invalid-request");
        Assert.StartsWith("target", (string)problem["field"]!, StringComparison.Ordinal);
        await _fleet.Problem(HttpMethod.Get, "rollouts/no-such", null, HttpStatusCode.NotFound, "rollout-not-found");
        await _fleet.Problem(HttpMethod.Get, "devices/no-such", null, HttpStatusCode.NotFound, "device-not-found");
    }

    [Fact]
    public async Task A_repeat_with_the_same_idempotency_key_answers_as_the_first_did()
    {
        await using var device = await WireDevice.New(_fleet, "amr-1");
        await _fleet.Publish("amr", "1.1.0");
        using var http = _fleet.NewHttpClient();
        http.DefaultRequestHeaders.Add("Idempotency-Key", "\"once\"");
        var body = Rollouts.Request("amr", "1.1.0");
        var first = await (await http.PostAsJsonAsync("/api/v1/rollouts", body)).Content.ReadFromJsonAsync<JsonObject>();
        var second = await (await http.PostAsJsonAsync("/api/v1/rollouts", body)).Content.ReadFromJsonAsync<JsonObject>();
        Assert.Equal((string)first!["id"]!, (string)second!["id"]!);
        Assert.Single((await _fleet.Get("rollouts"))["items"]!.AsArray());
    }

    [Fact]
    public async Task Openapi_metrics_and_health_answer()
    {
        using var http = _fleet.NewHttpClient();
        var openapi = JsonNode.Parse(await http.GetStringAsync("/openapi/v1.json"))!;
        foreach (string path in new[] { "/api/v1/rollouts", "/api/v1/devices/{thing}", "/api/v1/firmware/{model}/{version}", "/api/v1/claims", "/api/v1/ca" })
        {
            Assert.NotNull(openapi["paths"]![path]);
        }
        var upload = openapi["paths"]!["/api/v1/firmware/{model}/{version}"]!["put"]!["requestBody"]!;
        Assert.Equal("binary", (string?)upload["content"]!["application/octet-stream"]!["schema"]!["format"]);
        using var metrics = new HttpClient { BaseAddress = _fleet.Metrics };
        string text = await metrics.GetStringAsync("/metrics");
        foreach (string family in new[] { "fleet_devices", "mqtt_server_message_received_total" }) Assert.Contains(family, text, StringComparison.Ordinal);
        foreach (var client in new[] { metrics, http })
        {
            Assert.Equal("""{"status":"ok"}""", await client.GetStringAsync("/healthz"));
            Assert.Equal("""{"status":"ok","checks":{"cluster":"ok","gateway":"ok","storage":"ok"}}""", await client.GetStringAsync("/readyz"));
        }
    }

    [Fact]
    public async Task What_has_never_happened_stands_at_zero()
    {
        using var metrics = new HttpClient { BaseAddress = _fleet.Metrics };
        string[] page = (await metrics.GetStringAsync("/metrics")).Split('\n');
        Assert.Contains("mqtt_server_message_dropped_total{reason=\"queueFull\"} 0", page);
        Assert.Contains("fleet_rollout_executions_total{outcome=\"rolledBack\"} 0", page);
        Assert.Contains("fleet_rule_attempts_total{outcome=\"refused\"} 0", page);
        Assert.Contains("fleet_rule_dropped_total{reason=\"queueFull\"} 0", page);
        Assert.Contains("fleet_storage_writes_total{outcome=\"failed\"} 0", page);
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    /// <summary>A body that says how long it is and would go on until then.</summary>
    private sealed class Endless(long length) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            byte[] chunk = new byte[64 * 1024];
            for (long sent = 0; sent < length; sent += chunk.Length) await stream.WriteAsync(chunk);
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = length;
            return true;
        }
    }
}
