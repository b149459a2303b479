namespace Fleet.Interfaces.Rules;

/// <summary>
/// One rule: topic filter → action, at least once. Gateways put its messages into a durable queue, and it works that off in the order of
/// arrival, several at a time. The key is the <see cref="RuleName"/>.
/// </summary>
[Alias("fleet.rule-grain")]
public interface IRuleGrain : IGrainWithStringKey
{
    /// <summary>
    /// Makes the rule, or puts the definition in the place of the one it has. Returns when every gateway that answers acts on it.
    /// </summary>
    /// <param name="ifVersion">The version it must have; 0: it must not exist; null: whatever it has.</param>
    Task<RuleResult> Put(RuleDefinition definition, long? ifVersion);

    /// <summary>A disabled rule takes no messages and works off none; its queue stays.</summary>
    Task<RuleResult> SetEnabled(bool enabled);

    /// <summary>Deletes the rule with its queue and its dead letters.</summary>
    Task<RuleResult> Delete(long? ifVersion);

    /// <summary>Null if there is none.</summary>
    [AlwaysInterleave]
    Task<RuleView?> Get();

    /// <summary>Null if there is none.</summary>
    [AlwaysInterleave]
    Task<RuleStatus?> GetStatus();

    /// <summary>
    /// There may be something in the queue. Who calls too often, or not at all, does no harm: the rule looks by itself every minute.
    /// </summary>
    [AlwaysInterleave]
    Task Wake();

    /// <summary>Puts dead letters back at the end of the queue, their attempts forgotten; each keeps its message id.</summary>
    /// <param name="id">Null: all.</param>
    /// <returns>How many.</returns>
    [ResponseTimeout("00:02:00")]
    Task<long> Replay(string? id);

    /// <summary>Deletes dead letters.</summary>
    /// <param name="id">Null: all.</param>
    /// <returns>How many.</returns>
    [ResponseTimeout("00:02:00")]
    Task<long> Discard(string? id);
}

/// <summary>What became of a change to a rule.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rule-result")]
public abstract record RuleResult
{
    private RuleResult() { }

    /// <param name="Created">There was none before.</param>
    [GenerateSerializer, Immutable, Alias("fleet.rule-result.stored")]
    public sealed record Stored([property: Id(0)] RuleView Rule, [property: Id(1)] bool Created) : RuleResult;

    [GenerateSerializer, Immutable, Alias("fleet.rule-result.deleted")]
    public sealed record Deleted : RuleResult;

    [GenerateSerializer, Immutable, Alias("fleet.rule-result.not-found")]
    public sealed record NotFound : RuleResult;

    /// <param name="Current">0: there is no such rule.</param>
    [GenerateSerializer, Immutable, Alias("fleet.rule-result.version-conflict")]
    public sealed record VersionConflict([property: Id(0)] long Current) : RuleResult;

    /// <param name="Field">Member of the definition, as the API calls it.</param>
    [GenerateSerializer, Immutable, Alias("fleet.rule-result.invalid")]
    public sealed record Invalid([property: Id(0)] string Field, [property: Id(1)] string Detail) : RuleResult;

    [GenerateSerializer, Immutable, Alias("fleet.rule-result.too-many")]
    public sealed record TooMany([property: Id(0)] int Limit) : RuleResult;
}
