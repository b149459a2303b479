using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Rules;

/// <summary>What rules have given up: to be looked at, tried again, or deleted.</summary>
internal static class DeadLetterEndpoints
{
    private const string All = RuleEndpoints.One + "/dead-letters";
    private const string One = All + "/{id}";

    /// <summary>Each carries its payload.</summary>
    private const int DefaultLimit = 20;
    private const int MaxLimit = 100;

    public static void MapDeadLetters(this IEndpointRouteBuilder api)
    {
        api.MapGet(All, List).RequireAuthorization(Roles.Viewer)
            .WithTags("Rules").WithSummary("What a rule has given up, the oldest message first.")
            .Produces<Page<DeadLetterBody>>().ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet(One, Get).RequireAuthorization(Roles.Viewer).WithTags("Rules").WithSummary("One dead letter.")
            .Produces<DeadLetterBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPost(
            One + "/replay",
            (string name, string id, IGrainFactory grains) => Change(name, id, grains, (rule, letter) => rule.Replay(letter)))
            .RequireAuthorization(Roles.Operator).WithTags("Rules")
            .WithSummary("Puts a dead letter back at the end of the queue, its attempts forgotten. It keeps its message id.")
            .Produces<CountBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPost(
            All + "/replay", (string name, IGrainFactory grains) => Change(name, null, grains, (rule, letter) => rule.Replay(letter)))
            .RequireAuthorization(Roles.Operator).WithTags("Rules").WithSummary("Puts all dead letters of a rule back into its queue.")
            .Produces<CountBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapDelete(
            One, (string name, string id, IGrainFactory grains) => Change(name, id, grains, (rule, letter) => rule.Discard(letter)))
            .RequireAuthorization(Roles.Operator).WithTags("Rules").WithSummary("Deletes a dead letter.")
            .Produces<CountBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapDelete(All, (string name, IGrainFactory grains) => Change(name, null, grains, (rule, letter) => rule.Discard(letter)))
            .RequireAuthorization(Roles.Operator).WithTags("Rules").WithSummary("Deletes all dead letters of a rule.")
            .Produces<CountBody>().ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> List(
        string name, IGrainFactory grains, IRuleStore store, string? cursor = null, int limit = DefaultLimit)
    {
        if (limit is < 1 or > MaxLimit) return Problems.Invalid("limit", $"Must be 1 to {MaxLimit}.");
        string? after = null;
        if (cursor is not null && !Cursors.TryDecode(cursor, out after)) return Problems.Invalid("cursor", "Is not one that a list gave.");
        if (await RuleEndpoints.Find(name, grains) is not { } rule) return RuleEndpoints.NotFound(name);
        var letters = await store.ListDeadLetters(rule.Name, after, limit);
        return TypedResults.Ok(new Page<DeadLetterBody>(
            [.. letters.Select(letter => DeadLetterBody.Of(rule, letter))],
            letters.Length == limit ? Cursors.Encode(letters[^1].Id) : null));
    }

    private static async Task<IResult> Get(string name, string id, IGrainFactory grains, IRuleStore store)
    {
        if (await RuleEndpoints.Find(name, grains) is not { } rule) return RuleEndpoints.NotFound(name);
        return await store.GetDeadLetter(rule.Name, id) is { } letter ? TypedResults.Ok(DeadLetterBody.Of(rule, letter)) : NotFound(id);
    }

    /// <param name="id">Null: all.</param>
    private static async Task<IResult> Change(string name, string? id, IGrainFactory grains, Func<IRuleGrain, string?, Task<long>> change)
    {
        if (await RuleEndpoints.Find(name, grains) is not { } rule) return RuleEndpoints.NotFound(name);
        long count = await change(grains.GetGrain<IRuleGrain>(rule.Name.Value), id);
        return count == 0 && id is not null ? NotFound(id) : TypedResults.Ok(new CountBody(count));
    }

    private static ProblemHttpResult NotFound(string id) => Problems.NotFound("dead-letter", id);
}
