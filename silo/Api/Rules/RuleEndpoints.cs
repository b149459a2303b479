using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Fleet.Grains.Index;
using Fleet.Interfaces.Rules;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Rules;

/// <summary>Rules: which messages go where.</summary>
internal static class RuleEndpoints
{
    public const string One = "/rules/{name}";

    private const string Example = """
        { "topicFilter": "factory/+/telemetry",
          "action": { "webhook": { "url": "https://ingest.example.com/telemetry" }, "secret": "whsec_3f8a0c5d7e91" },
          "timeout": "PT10S", "maxAttempts": 20, "maxAge": "P1D", "concurrency": 8 }
        """;

    public static void MapRules(this IEndpointRouteBuilder api)
    {
        api.MapPut(One, Put).RequireAuthorization(Roles.Operator).WithTags("Rules")
            .WithSummary("Makes a rule, or replaces it: messages that match its topic filter are posted to its action, at least once.")
            .WithDescription("""
                With If-Match it must have that version (ETag), with If-None-Match: * there must be none. It is in force on all gateways
                when this returns; a repeat changes nothing.
                """)
            .Produces<RuleViewBody>(StatusCodes.Status201Created).Produces<RuleViewBody>().ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status412PreconditionFailed)
            .AddOpenApiOperationTransformer((operation, _, _) =>
            {
                if (operation.RequestBody?.Content is { } content && content.TryGetValue("application/json", out var json))
                    json.Example = JsonNode.Parse(Example);
                return Task.CompletedTask;
            });
        api.MapGet("/rules", List).RequireAuthorization(Roles.Viewer).WithTags("Rules").WithSummary("All rules, by name.")
            .Produces<Page<RuleViewBody>>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet(One, Get).RequireAuthorization(Roles.Viewer)
            .WithTags("Rules").WithSummary("One rule. Secrets and the values of headers are not shown.")
            .Produces<RuleViewBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapDelete(One, Delete).RequireAuthorization(Roles.Operator).WithTags("Rules")
            .WithSummary("Deletes a rule with its queue and its dead letters.")
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status412PreconditionFailed);
        MapSwitch(api, "enable", true, "Enables a rule: it takes messages again, and works off what its queue has.");
        MapSwitch(api, "disable", false, "Disables a rule: it takes no messages and works off none. Its queue stays, and ages.");
        api.MapGet(One + "/status", Status).RequireAuthorization(Roles.Viewer)
            .WithTags("Rules").WithSummary("How its work stands: queued, in flight, delivered, failed.")
            .Produces<RuleStatusBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapDeadLetters();
    }

    public static ProblemHttpResult NotFound(string name) => Problems.NotFound("rule", name);

    /// <summary>Null too for a name that nothing can have.</summary>
    public static async Task<RuleView?> Find(string name, IGrainFactory grains) =>
        RuleName.TryParse(name, out var rule) ? await grains.GetGrain<IRuleGrain>(rule.Value).Get() : null;

    private static void MapSwitch(IEndpointRouteBuilder api, string verb, bool enabled, string summary) =>
        api.MapPost($"{One}/{verb}", async (string name, IGrainFactory grains, HttpResponse response) =>
                RuleName.TryParse(name, out var rule)
                    ? ToHttp(await grains.GetGrain<IRuleGrain>(rule.Value).SetEnabled(enabled), name, response) : NotFound(name))
            .RequireAuthorization(Roles.Operator).WithTags("Rules").WithSummary(summary)
            .Produces<RuleViewBody>().ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> Put(string name, NewRuleBody body, IGrainFactory grains, HttpRequest request, HttpResponse response)
    {
        if (!RuleName.TryParse(name, out var rule)) return Problems.Invalid("name", $"Must be {RuleName.Grammar}.");
        if (!TryReadPrecondition(request, out long? ifVersion)) return WrongPrecondition();
        var (definition, problem) = RuleReader.Read(body);
        if (problem is not null) return problem;
        return ToHttp(await grains.GetGrain<IRuleGrain>(rule.Value).Put(definition!, ifVersion), name, response);
    }

    private static Task<IResult> List(
        IGrainFactory grains, ICatalog catalog, CancellationToken cancellation, string? cursor = null, int limit = Cursors.DefaultLimit) =>
        CatalogPage.List(
            catalog, "rule", cursor, limit, key => grains.GetGrain<IRuleGrain>(key).Get(), RuleViewBody.Of, cancellation);

    private static async Task<IResult> Get(string name, IGrainFactory grains, HttpResponse response)
    {
        if (await Find(name, grains) is not { } rule) return NotFound(name);
        response.Headers.ETag = TagOf(rule);
        return TypedResults.Ok(RuleViewBody.Of(rule));
    }

    private static async Task<IResult> Delete(string name, IGrainFactory grains, HttpRequest request, HttpResponse response)
    {
        if (!RuleName.TryParse(name, out var rule)) return NotFound(name);
        if (!TryReadPrecondition(request, out long? ifVersion)) return WrongPrecondition();
        return ToHttp(await grains.GetGrain<IRuleGrain>(rule.Value).Delete(ifVersion), name, response);
    }

    private static async Task<IResult> Status(string name, IGrainFactory grains) =>
        RuleName.TryParse(name, out var rule) && await grains.GetGrain<IRuleGrain>(rule.Value).GetStatus() is { } status
            ? TypedResults.Ok(RuleStatusBody.Of(status)) : NotFound(name);

    private static IResult ToHttp(RuleResult result, string name, HttpResponse response)
    {
        switch (result)
        {
            case RuleResult.Stored stored:
                response.Headers.ETag = TagOf(stored.Rule);
                var body = RuleViewBody.Of(stored.Rule);
                return stored.Created ? TypedResults.Created($"/api/v1/rules/{name}", body) : TypedResults.Ok(body);
            case RuleResult.Deleted: return TypedResults.NoContent();
            case RuleResult.NotFound: return NotFound(name);
            case RuleResult.Invalid invalid: return Problems.Invalid(invalid.Field, invalid.Detail);
            case RuleResult.TooMany many:
                return Problems.Of(
                    StatusCodes.Status409Conflict, "too-many-rules", $"There are {many.Limit} rules, and there may be no more.");
            case RuleResult.VersionConflict conflict:
                return TypedResults.Problem(
                    type: "urn:fleet:error:rule-version-conflict", statusCode: StatusCodes.Status412PreconditionFailed,
                    title: conflict.Current == 0 ? "There is no such rule." : "The rule has another version.",
                    extensions: new Dictionary<string, object?> { ["currentVersion"] = conflict.Current });
            default: throw new UnreachableException();
        }
    }

    /// <param name="ifVersion">0: there must be none; null: whatever it has.</param>
    private static bool TryReadPrecondition(HttpRequest request, out long? ifVersion)
    {
        string match = request.Headers.IfMatch.ToString(), noneMatch = request.Headers.IfNoneMatch.ToString();
        ifVersion = noneMatch == "*" ? 0 : null;
        if (match.Length == 0) return noneMatch is "" or "*";
        if (noneMatch.Length > 0 || match is not ['"', .. var digits, '"']) return false;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long version) || version == 0) return false;
        ifVersion = version;
        return true;
    }

    private static ProblemHttpResult WrongPrecondition() =>
        Problems.Invalid("If-Match", "Must be one ETag of the rule, as If-Match: \"3\"; or If-None-Match: * for none.");

    private static string TagOf(RuleView rule) => $"\"{rule.Version}\"";
}
