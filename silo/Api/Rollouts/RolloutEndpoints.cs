using System.Text.Json;
using Fleet.Grains.Index;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>Rollouts: start one, look at it, stop it.</summary>
internal static class RolloutEndpoints
{
    private const string One = "/rollouts/{id}";

    public static void MapRollouts(this IEndpointRouteBuilder api)
    {
        api.MapPost("/rollouts", Create).RequireAuthorization(Roles.Operator).WithTags("Rollouts")
            .WithSummary("Starts a rollout: fixes its target and begins with the first phase.")
            .WithDescription(
                "With an Idempotency-Key, sending the request again finds the rollout that it made. "
                + "Members that are not known, or not supported yet, are refused.")
            .Accepts<NewRolloutBody>("application/json")
            .Produces<RolloutBody>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        api.MapGet("/rollouts", List).RequireAuthorization(Roles.Viewer).WithTags("Rollouts").WithSummary("All rollouts, by id.")
            .Produces<Page<RolloutBody>>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet(One, Get).RequireAuthorization(Roles.Viewer).WithTags("Rollouts").WithSummary("One rollout: its plan and how it stands.")
            .Produces<RolloutBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet(One + "/executions", Executions).RequireAuthorization(Roles.Viewer).WithTags("Rollouts")
            .WithSummary("Its devices in order of admission, each with how far it is.")
            .Produces<Page<RolloutExecutionBody>>().ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet(One + "/events", RolloutEventStream.Get).RequireAuthorization(Roles.Viewer).WithTags("Rollouts")
            .WithSummary("The rollout, again each time it changes, until it is over: server-sent events named \"rollout\".")
            .Produces(StatusCodes.Status200OK, contentType: "text/event-stream").ProducesProblem(StatusCodes.Status404NotFound);
        MapCommand(
            api, "pause",
            "Stops it: no further offer, and offers that no device has started are taken back. Paused once every shard has confirmed.",
            g => g.Pause());
        MapCommand(api, "resume", "Goes on with a paused rollout. Gates look from now on at new outcomes only.", g => g.Resume());
        MapCommand(api, "cancel", "Ends it: every open execution is cancelled, whatever the devices do.", g => g.Cancel());
    }

    private static void MapCommand(
        IEndpointRouteBuilder api, string verb, string summary, Func<IRolloutGrain, Task<RolloutCommandResult>> command) =>
        api.MapPost($"{One}/{verb}", (string id, IGrainFactory grains) => Command(id, grains, command))
            .RequireAuthorization(Roles.Operator).WithTags("Rollouts").WithSummary(summary)
            .Produces<RolloutBody>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);

    private static async Task<IResult> Create(JsonElement body, HttpRequest http, IGrainFactory grains, TimeProvider clock)
    {
        string key = http.Headers[RolloutIds.Header].ToString();
        if (key.Length > RolloutIds.MaxKeyCharacters)
            return Problems.Invalid(RolloutIds.Header, $"At most {RolloutIds.MaxKeyCharacters} characters.");
        var (request, problem) = RolloutReader.Read(body);
        if (problem is not null) return problem;
        var id = key.Length > 0 ? RolloutIds.OfKey(key) : RolloutIds.New(clock.GetUtcNow());
        return await grains.GetGrain<IRolloutGrain>(id.Value).Create(request!) switch
        {
            CreateRolloutResult.Created created => TypedResults.Created($"/api/v1/rollouts/{id}", RolloutBody.Of(created.Rollout)),
            CreateRolloutResult.Invalid invalid => Problems.Invalid(invalid.Field, invalid.Detail),
            CreateRolloutResult.Conflict => Problems.Of(
                StatusCodes.Status422UnprocessableEntity, "idempotency-key-in-use", "Another request was made with this Idempotency-Key.",
                field: RolloutIds.Header),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static Task<IResult> List(
        IGrainFactory grains, ICatalog catalog, CancellationToken cancellation, string? cursor = null, int limit = Cursors.DefaultLimit) =>
        CatalogPage.List(
            catalog, "rollout", cursor, limit, key => grains.GetGrain<IRolloutGrain>(key).Get(), RolloutBody.Of, cancellation);

    private static async Task<IResult> Get(string id, IGrainFactory grains) =>
        await Find(id, grains) is { } rollout ? TypedResults.Ok(RolloutBody.Of(rollout)) : NotFound(id);

    private static async Task<IResult> Executions(string id, IGrainFactory grains, string? cursor = null, int limit = Cursors.DefaultLimit)
    {
        if (limit is < 1 or > Cursors.MaxLimit) return Problems.Invalid("limit", $"Must be 1 to {Cursors.MaxLimit}.");
        long after = -1;
        if (cursor is not null && !(Cursors.TryDecode(cursor, out var last) && long.TryParse(last, out after) && after >= 0))
            return Problems.Invalid("cursor", "Is not one that a list gave.");
        if (await Find(id, grains) is null) return NotFound(id);
        var page = await grains.GetGrain<IRolloutGrain>(id).GetExecutions(after, limit);
        return TypedResults.Ok(new Page<RolloutExecutionBody>(
            [.. page.Executions.Select(RolloutExecutionBody.Of)],
            page.Executions.Length == limit ? Cursors.Encode($"{page.Executions[^1].Position}") : null));
    }

    private static async Task<IResult> Command(string id, IGrainFactory grains, Func<IRolloutGrain, Task<RolloutCommandResult>> command)
    {
        if (!RolloutId.TryParse(id, out var rollout)) return NotFound(id);
        return await command(grains.GetGrain<IRolloutGrain>(rollout.Value)) switch
        {
            RolloutCommandResult.Accepted accepted => TypedResults.Ok(RolloutBody.Of(accepted.Rollout)),
            RolloutCommandResult.NotFound => NotFound(id),
            RolloutCommandResult.NotAllowed refused => TypedResults.Problem(
                type: "urn:fleet:error:rollout-not-allowed", statusCode: StatusCodes.Status409Conflict,
                title: $"A rollout that is {Words.Of(refused.Status)} does not allow this.",
                extensions: new Dictionary<string, object?> { ["rolloutStatus"] = Words.Of(refused.Status) }),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    /// <summary>Null too for an id that nothing can have.</summary>
    public static async Task<RolloutView?> Find(string id, IGrainFactory grains) =>
        RolloutId.TryParse(id, out var rollout) ? await grains.GetGrain<IRolloutGrain>(rollout.Value).Get() : null;

    public static ProblemHttpResult NotFound(string id) => Problems.NotFound("rollout", id);
}
