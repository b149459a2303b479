using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Api;
using Fleet.Silo.Blobs;
using Fleet.Silo.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Fleet.UnitTests.Api;

/// <summary>What every endpoint gets from the API's frame, seen from outside, on endpoints made for it.</summary>
public sealed class ApiConventionTests : IAsyncLifetime
{
    private WebApplication _app = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 1_000);
        builder.Services.AddFleetApi();
        _app = builder.Build();
        _app.UseFleetApi();
        _app.UseRouting();
        var api = _app.MapGroup("/api/v1");
        api.MapPost("/plans", (Plan plan) => plan);
        api.MapPost("/trees", (JsonElement tree) => tree);
        api.MapPost("/maps", (Dictionary<string, string> map) => map);
        api.MapGet("/numbers", (int limit) => limit);
        api.MapGet("/texts", (string text) => text);
        api.MapGet("/things/{thing}", (string thing) => thing);
        api.MapPut("/files", () =>
        {
            throw new BlobNotStoredException(new IOException("No space left on device", 28));
        });
        api.MapPut("/broken-files", () =>
        {
            throw new BlobNotStoredException(new IOException("Input/output error", 5));
        });
        api.MapGet("/bug", string () => throw new InvalidOperationException("a secret"));
        api.MapGet("/full", string () => throw new StorageException("The write was not stored: disk full", new IOException()));
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    [Theory]
    [InlineData("{", "$")]
    [InlineData("""{"name":5}""", "name")]
    [InlineData("""{"name":"x","phases":[{"percent":1},{"percent":"2"}]}""", "phases[1].percent")]
    [InlineData("""{"name":"x","phases":[{"colour":1}]}""", "phases[0].colour")]
    [InlineData("""{"name":"x","stage":"no-such"}""", "stage")]
    [InlineData("""{"name":"x","stage":1}""", "stage")]
    [InlineData("""{"name":"x","name":"y"}""", "name")]
    [InlineData("", "$")]
    public async Task A_body_that_does_not_fit_is_refused_by_the_member_that_is_wrong(string body, string field)
    {
        var problem = await Problem(HttpMethod.Post, "plans", HttpStatusCode.BadRequest, "invalid-request", Json(body));
        Assert.Equal(field, (string?)problem["field"]);
        Assert.DoesNotContain("Fleet.", problem.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("System.", problem.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("numbers?limit=abc")]
    [InlineData("numbers")]
    public async Task A_parameter_that_is_wrong_or_missing_is_named(string path) =>
        Assert.Equal("limit", (string?)(await Problem(HttpMethod.Get, path, HttpStatusCode.BadRequest, "invalid-request"))["field"]);

    [Theory]
    [InlineData("plans", """{"name":"a\u0000b"}""", "name")]
    [InlineData("plans", """{"name":"x","note":"\u0000"}""", "note")]
    [InlineData("maps", """{"site":"a\u0000"}""", "site")]
    [InlineData("maps", """{"a\u0000":"x"}""", "a\0")]
    [InlineData("trees", """{"plan":{"phases":[{"name":"x"},{"name":"\u0000"}]}}""", "plan.phases[1].name")]
    [InlineData("trees", """{"plan":{"a\u0000":1}}""", "plan")]
    [InlineData("trees", """{"plan":"\ud800"}""", "plan")]
    public async Task U0000_in_any_text_of_a_body_is_refused_by_the_member_that_holds_it(string path, string body, string field)
    {
        var problem = await Problem(HttpMethod.Post, path, HttpStatusCode.BadRequest, "invalid-request", Json(body));
        Assert.Equal((field, StorableText.Rule), ((string?)problem["field"], (string?)problem["detail"]));
        // In another encoding of the body, too.
        using var utf16 = new StringContent(body, Encoding.Unicode, "application/json");
        Assert.Equal(field, (string?)(await Problem(HttpMethod.Post, path, HttpStatusCode.BadRequest, "invalid-request", utf16))["field"]);
    }

    [Theory]
    [InlineData("plans", """{"name":"\\u0000"}""")]
    [InlineData("maps", """{"a\\u0000":"\\\\u0000"}""")]
    [InlineData("trees", """{"a":["\\u0000",1,null]}""")]
    public async Task What_only_looks_like_it_is_taken(string path, string body)
    {
        using var response = await _http.PostAsync($"/api/v1/{path}", Json(body));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(body), JsonNode.Parse(await response.Content.ReadAsStringAsync())));
    }

    [Theory, InlineData("texts?text=a%00b", "text"), InlineData("texts?text=a&other=%00", "other"), InlineData("numbers?limit=%00", "limit")]
    public async Task U0000_in_the_query_is_refused_by_the_parameter(string path, string field) =>
        Assert.Equal(field, (string?)(await Problem(HttpMethod.Get, path, HttpStatusCode.BadRequest, "invalid-request"))["field"]);

    [Fact]
    public async Task U0000_in_the_path_never_reaches_an_endpoint()
    {
        using var response = await _http.GetAsync("/api/v1/things/a%00b");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public void A_cursor_that_holds_U0000_is_none()
    {
        Assert.True(Cursors.TryDecode(Cursors.Encode("amr/1.0.0"), out _));
        Assert.False(Cursors.TryDecode(Cursors.Encode("a\0"), out _));
    }

    [Fact]
    public async Task A_disk_that_is_full_is_507_and_one_that_fails_is_503()
    {
        await Problem(HttpMethod.Put, "files", HttpStatusCode.InsufficientStorage, "insufficient-storage");
        await Problem(HttpMethod.Put, "broken-files", HttpStatusCode.ServiceUnavailable, "storage-unavailable");
    }

    [Fact]
    public async Task What_is_not_there_not_allowed_or_not_json_is_a_problem_too()
    {
        await Problem(HttpMethod.Get, "no-such", HttpStatusCode.NotFound, "not-found");
        await Problem(HttpMethod.Delete, "plans", HttpStatusCode.MethodNotAllowed, "method-not-allowed");
        await Problem(HttpMethod.Post, "plans", HttpStatusCode.UnsupportedMediaType, "unsupported-media-type", new StringContent("name=x"));
        await Problem(HttpMethod.Post, "plans", HttpStatusCode.RequestEntityTooLarge, "content-too-large", Json($$"""{"name":"{{new string('x', 2_000)}}"}"""));
    }

    [Fact]
    public async Task A_bug_tells_the_caller_where_to_look_and_nothing_else()
    {
        var problem = await Problem(HttpMethod.Get, "bug", HttpStatusCode.InternalServerError, "internal");
        Assert.NotNull(problem["traceId"]);
        Assert.DoesNotContain("secret", problem.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain(" at ", problem.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_storage_that_takes_no_writes_is_unavailable_rather_than_broken() =>
        await Problem(HttpMethod.Get, "full", HttpStatusCode.ServiceUnavailable, "storage-unavailable");

    [Fact]
    public async Task Answers_are_camel_case_without_nulls_and_carry_the_security_headers()
    {
        using var response = await _http.PostAsync("/api/v1/plans", Json("""{"name":"x","phases":[{"percent":2.5}],"stage":"inProgress"}"""));
        Assert.Equal("""{"name":"x","phases":[{"percent":2.5}],"stage":"inProgress"}""", await response.Content.ReadAsStringAsync());
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.StartsWith("default-src 'none'", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private async Task<JsonNode> Problem(HttpMethod method, string path, HttpStatusCode status, string code, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, $"/api/v1/{path}") { Content = content };
        using var response = await _http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{(int)response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(text)!;
        Assert.Equal(($"urn:fleet:error:{code}", (int)status), ((string?)problem["type"], (int?)problem["status"]));
        Assert.NotNull(problem["traceId"]);
        return problem;
    }

    internal enum Stage { Queued, InProgress }

    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Phase(double Percent);

    internal sealed record Plan(string Name, IReadOnlyList<Phase>? Phases, Stage? Stage, string? Note);
}
