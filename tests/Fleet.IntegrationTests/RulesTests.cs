using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>The seed's way, from a publisher to a function that is called with each message, and what becomes of it when something on the way is not there.</summary>
public sealed class RulesTests : IAsyncLifetime
{
    private const string Secret = "an-integration-test-secret";

    private FleetService _fleet = null!;
    private RuleReceiver _receiver = null!;

    public async ValueTask InitializeAsync() => (_fleet, _receiver) = (await FleetService.Start("Fleet:Gateway:PlainPort=0"), await RuleReceiver.Start());

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task A_message_calls_a_function_as_lambda_is_called()
    {
        await Put("on_telemetry", """{"topicFilter":"sensor/#","action":{"function":{"endpoint":"URL","name":"bridge"}}}""");
        await using var publisher = await Connect("C-Client-01");
        const string payload = """{"device_id": "C-Client-01", "temperature": 24.5, "status": "OK"}""";
        Assert.Equal(ReasonCode.Success, await publisher.Client.PublishAsync("sensor/data", Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce));
        var call = await _receiver.Next();
        Assert.Equal(("/2015-03-31/functions/bridge/invocations", "Event", "application/json", payload),
            (call.Path, call["X-Amz-Invocation-Type"], call["Content-Type"], call.Body));
        await StatusIs("on_telemetry", s => (int)s["delivered"]! == 1 && (int)s["queued"]! == 0);
    }

    [Fact]
    public async Task Each_qos_and_basic_ingest_reach_a_webhook_signed_and_nothing_else_does()
    {
        await Put("hook", """{"topicFilter":"a/+","basicIngest":true,"body":"envelope","action":{"webhook":{"url":"URL/hook?k=1"},"headers":{"X-Key":"v"},"secret":"an-integration-test-secret"}}""");
        await using var device = await WireDevice.New(_fleet, "amr-1");
        await using var publisher = await Connect("p");
        foreach (var qos in new[] { Qos.AtMostOnce, Qos.AtLeastOnce, Qos.ExactlyOnce }) await publisher.Client.PublishAsync($"a/{(int)qos}", "x"u8.ToArray(), qos);
        await publisher.Client.PublishAsync("b/0", "x"u8.ToArray(), Qos.AtLeastOnce);
        Assert.Equal(ReasonCode.Success, await device.Client.PublishAsync("$aws/rules/hook/fleet/amr-1/t", "{}"u8.ToArray(), Qos.AtLeastOnce));
        var calls = new List<RuleReceiver.Call>();
        while (calls.Count < 4) calls.Add(await _receiver.Next());
        Assert.Equal(["a/0", "a/1", "a/2", "fleet/amr-1/t"], calls.Select(c => (string)JsonNode.Parse(c.Body)!["topic"]!).Order());
        Assert.Equal(["amr-1", "p", "p", "p"], calls.Select(c => c["Fleet-Client-Id"]).Order());
        Assert.All(calls, call =>
        {
            Assert.Equal(("/hook", "v"), (call.Path, call["X-Key"]));
            string[] parts = call["Fleet-Signature"].Split(',');
            Assert.Equal($"v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes($"{parts[0][2..]}.{call.Body}")))}", parts[1]);
        });
        Assert.DoesNotContain(Secret, (await _fleet.Get("rules/hook")).ToJsonString() + (await _fleet.Get("rules")).ToJsonString() + _fleet.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_acknowledged_is_delivered_though_the_service_is_killed_and_the_receiver_away()
    {
        string url = _receiver.Url;
        await _receiver.DisposeAsync();
        await Put("r", """{"topicFilter":"t/#","action":{"webhook":{"url":"URL"}}}""");
        await using (var publisher = await Connect("p"))
        {
            for (int i = 0; i < 50; i++) Assert.Equal(ReasonCode.Success, await publisher.Client.PublishAsync($"t/{i}", Encoding.UTF8.GetBytes($"{i}"), Qos.AtLeastOnce));
        }
        await StatusIs("r", s => (int)s["queued"]! == 50 && s["lastError"] is not null);
        await _fleet.Kill();
        _receiver = await RuleReceiver.Start(url);
        await _fleet.StartAgain();
        var bodies = new HashSet<string>();
        while (bodies.Count < 50) bodies.Add((await _receiver.Next()).Body);
        await StatusIs("r", s => (int)s["queued"]! == 0);
    }

    [Fact]
    public async Task Dead_letters_are_listed_replayed_and_deleted()
    {
        _receiver.Status = 400;
        await Put("r", """{"topicFilter":"t","action":{"webhook":{"url":"URL/in?token=x"}}}""");
        await using var publisher = await Connect("p");
        for (int i = 0; i < 3; i++) await publisher.Client.PublishAsync("t", Encoding.UTF8.GetBytes($"{i}"), Qos.AtLeastOnce);
        await StatusIs("r", s => (int)s["deadLetters"]! == 3);
        var page = await _fleet.Get("rules/r/dead-letters?limit=2");
        var letter = page["items"]![0]!;
        Assert.Equal(("r", "t", "p", "MA==", 1), ((string)letter["ruleName"]!, (string)letter["topic"]!, (string)letter["clientId"]!, (string)letter["base64OriginalPayload"]!, (int)letter["attempts"]!));
        Assert.Equal(("webhook", $"{_receiver.Url}/in", "HTTP 400"),
            letter["failures"]![0] is { } f ? ((string)f["failedAction"]!, (string)f["failedResource"]!, (string)f["errorMessage"]!) : default);
        string last = (string)Assert.Single((await _fleet.Get($"rules/r/dead-letters?limit=2&cursor={page["cursor"]}"))["items"]!.AsArray())!["id"]!;
        Assert.Equal("Mg==", (string)(await _fleet.Get($"rules/r/dead-letters/{last}"))["base64OriginalPayload"]!);

        _receiver.Status = 200;
        Assert.Equal(1, (int)(await _fleet.Api(HttpMethod.Post, $"rules/r/dead-letters/{letter["id"]}/replay"))["count"]!);
        await StatusIs("r", s => (int)s["delivered"]! == 1);
        Assert.Equal(1, (int)(await _fleet.Api(HttpMethod.Delete, $"rules/r/dead-letters/{last}"))["count"]!);
        await _fleet.Problem(HttpMethod.Post, $"rules/r/dead-letters/{last}/replay", null, HttpStatusCode.NotFound, "dead-letter-not-found");
        Assert.Equal(1, (int)(await _fleet.Api(HttpMethod.Post, "rules/r/dead-letters/replay"))["count"]!);
        await StatusIs("r", s => (int)s["delivered"]! == 2 && (int)s["deadLetters"]! == 0 && (int)s["failed"]! == 3);
        Assert.Equal(0, (int)(await _fleet.Api(HttpMethod.Delete, "rules/r/dead-letters"))["count"]!);
    }

    [Fact]
    public async Task Rules_have_versions_and_are_switched_off_and_deleted()
    {
        string body = """{"topicFilter":"t","action":{"webhook":{"url":"URL"}}}""".Replace("URL", _receiver.Url, StringComparison.Ordinal);
        using var http = _fleet.NewHttpClient();
        async Task<HttpResponseMessage> Send(HttpMethod method, string path, string? json = null, string? ifMatch = null, string? ifNoneMatch = null)
        {
            using var request = new HttpRequestMessage(method, $"/api/v1/rules/{path}") { Content = json is null ? null : Json(json) };
            if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
            if (ifNoneMatch is not null) request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
            return await http.SendAsync(request);
        }
        var made = await Send(HttpMethod.Put, "r", body, ifNoneMatch: "*");
        Assert.Equal((HttpStatusCode.Created, "\"1\"", "/api/v1/rules/r"), (made.StatusCode, made.Headers.ETag!.Tag, made.Headers.Location!.ToString()));
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send(HttpMethod.Put, "r", body, ifNoneMatch: "*")).StatusCode);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send(HttpMethod.Put, "r", body, ifMatch: "\"7\"")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Send(HttpMethod.Put, "r", body, ifMatch: "7")).StatusCode);
        var same = await Send(HttpMethod.Put, "r", body, ifMatch: "\"1\"");
        Assert.Equal((HttpStatusCode.OK, "\"1\""), (same.StatusCode, same.Headers.ETag!.Tag));
        Assert.Equal("\"2\"", (await Send(HttpMethod.Post, "r/disable")).Headers.ETag!.Tag);
        Assert.False((bool)(await _fleet.Get("rules/r"))["enabled"]!);

        await using var publisher = await Connect("p");
        Assert.Equal(ReasonCode.Success, await publisher.Client.PublishAsync("t", "lost"u8.ToArray(), Qos.AtLeastOnce));
        await Send(HttpMethod.Post, "r/enable");
        Assert.Equal(ReasonCode.Success, await publisher.Client.PublishAsync("t", "kept"u8.ToArray(), Qos.AtLeastOnce));
        Assert.Equal("kept", (await _receiver.Next()).Body);
        Assert.Equal(["r"], (await _fleet.Get("rules"))["items"]!.AsArray().Select(r => (string)r!["name"]!));

        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Send(HttpMethod.Delete, "r", ifMatch: "\"1\"")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await Send(HttpMethod.Delete, "r", ifMatch: "\"3\"")).StatusCode);
        var openapi = JsonNode.Parse(await http.GetStringAsync("/openapi/v1.json"))!["paths"]!;
        Assert.NotNull(openapi["/api/v1/rules/{name}"]!["put"]!["requestBody"]!["content"]!["application/json"]!["example"]!["action"]);
        foreach (string path in new[] { "rules/r", "rules/r/status", "rules/r/dead-letters" })
            await _fleet.Problem(HttpMethod.Get, path, null, HttpStatusCode.NotFound, "rule-not-found");
        Assert.Empty((await _fleet.Get("rules"))["items"]!.AsArray());
    }

    [Fact]
    public async Task A_rule_that_cannot_be_is_refused_by_the_member_that_is_wrong()
    {
        foreach (var (name, body, field) in new[]
                 {
                     ("r", """{}""", "action"),
                     ("r", """{"action":{}}""", "action"),
                     ("r", """{"action":{"webhook":{"url":"https://x"},"function":{"endpoint":"https://x","name":"f"}}}""", "action"),
                     ("r", """{"action":{"webhook":{"url":"http://example.com"}}}""", "action.webhook.url"),
                     ("r", """{"action":{"webhook":{"url":"https://x"},"headers":{"Host":"y"}}}""", "action.headers.Host"),
                     ("r", """{"action":{"webhook":{"url":"https://x"},"secret":"short"}}""", "action.secret"),
                     ("r", """{"topicFilter":"a/#/b","action":{"webhook":{"url":"https://x"}}}""", "topicFilter"),
                     ("r", """{"topicFilter":"$share/g/a","action":{"webhook":{"url":"https://x"}}}""", "topicFilter"),
                     ("r", """{"timeout":"10 s","action":{"webhook":{"url":"https://x"}}}""", "timeout"),
                     ("r", """{"timeout":"PT2M","action":{"webhook":{"url":"https://x"}}}""", "timeout"),
                     ("r", """{"retries":3,"action":{"webhook":{"url":"https://x"}}}""", "retries"),
                     ("no-dashes", """{"action":{"webhook":{"url":"https://x"}}}""", "name"),
                 })
        {
            var problem = await _fleet.Problem(HttpMethod.Put, $"rules/{name}", Json(body), HttpStatusCode.BadRequest, "invalid-request");
            Assert.Equal(field, (string?)problem["field"]);
        }
        Assert.Empty((await _fleet.Get("rules"))["items"]!.AsArray());
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    /// <param name="body">URL in it is the receiver's.</param>
    private Task<JsonNode> Put(string rule, string body) =>
        _fleet.Api(HttpMethod.Put, $"rules/{rule}", JsonNode.Parse(body.Replace("URL", _receiver.Url, StringComparison.Ordinal)));

    private Task<WireDevice> Connect(string clientId) =>
        WireDevice.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = _fleet.PlainPort, ClientId = clientId });

    private async Task StatusIs(string rule, Func<JsonNode, bool> isSo)
    {
        JsonNode? last = null;
        await Eventually.True(async () => isSo(last = await _fleet.Get($"rules/{rule}/status")), () => $"{last}\n{_fleet.Output}");
    }
}
