namespace Fleet.Interfaces.Rules;

/// <summary>
/// Which rules there are, for the gateways: they watch it, hear of each change before whoever made it is answered, and ask again every
/// <see cref="RuleWatching.Every"/> for what they missed. The key is <see cref="Key"/>.
/// </summary>
[Alias("fleet.rule-registry-grain")]
public interface IRuleRegistryGrain : IGrainWithStringKey
{
    public const string Key = "rules";

    /// <summary>Whether there may be a rule of this name: there is one, or not too many others.</summary>
    Task<bool> HasRoom(RuleName name);

    /// <summary>
    /// Notes a rule as it stands; a repeat, or an older version, changes nothing. Returns when the gateways that answer have it.
    /// </summary>
    Task Set(RuleRoute rule);

    /// <summary>The rule is deleted.</summary>
    Task Remove(RuleName name, long version);

    /// <returns>The rules; null if the version that the gateway knows is the last.</returns>
    /// <param name="knownVersion">-1 for none.</param>
    [AlwaysInterleave]
    Task<RuleTable?> Watch(IRuleObserver gateway, long knownVersion);
}

public static class RuleWatching
{
    /// <summary>How often a gateway says that it watches. One that has not for three times as long is told nothing more.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(3);
}

/// <summary>What a gateway process does for <see cref="IRuleRegistryGrain"/>.</summary>
[Alias("fleet.rule-observer")]
public interface IRuleObserver : IGrainObserver
{
    /// <summary>Returns when messages go by the new rules.</summary>
    [ResponseTimeout("00:00:02")]
    Task RulesChanged(RuleTable rules);
}

/// <summary>What a gateway needs to know of a rule.</summary>
/// <param name="Version">Of the rule.</param>
/// <param name="TopicFilter">Null: basic ingest only.</param>
/// <param name="BasicIngest">Beside its topic filter.</param>
[GenerateSerializer, Immutable, Alias("fleet.rule-route")]
public sealed record RuleRoute(
    [property: Id(0)] RuleName Name, [property: Id(1)] long Version, [property: Id(2)] string? TopicFilter, [property: Id(3)] bool Enabled,
    [property: Id(4)] bool BasicIngest = false)
{
    public bool TakesBasicIngest => BasicIngest || TopicFilter is null;
}

/// <summary>The rules that are enabled.</summary>
/// <param name="Version">Grows with each change.</param>
[GenerateSerializer, Immutable, Alias("fleet.rule-table")]
public sealed record RuleTable([property: Id(0)] long Version, [property: Id(1)] ImmutableArray<RuleRoute> Rules);
