using System.Text.Json.Serialization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>A rule, as it is kept.</summary>
internal sealed record RuleState : ICatalogued
{
    /// <summary>Null before it was ever made.</summary>
    public RuleName? Name { get; init; }

    /// <summary>Outlives a deletion, so that whoever knows an older rule of this name hears of the newer.</summary>
    public long Version { get; init; }

    /// <summary>Null while there is no such rule.</summary>
    public RuleDefinition? Definition { get; init; }
    public bool Enabled { get; init; }

    /// <summary>It was deleted, and its queue may still be there.</summary>
    public bool Dropping { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset ChangedAt { get; init; }

    [JsonIgnore]
    public RuleRoute Route => new(Name!.Value, Version, Definition!.TopicFilter, Enabled, Definition.BasicIngest);

    public RuleView? ToView() => Definition is null ? null : new(Name!.Value, Version, Enabled, Definition, CreatedAt, ChangedAt);

    public CatalogRow? ToCatalogRow() =>
        Definition is null ? null : new("rule", Name!.Value.Value, Enabled ? "enabled" : "disabled", CreatedAt);
}

/// <summary>The rules there are, as they are kept.</summary>
internal sealed record RuleRegistryState
{
    public long Version { get; init; }
    public ImmutableSortedDictionary<string, RuleRoute> Rules { get => field ?? ImmutableSortedDictionary<string, RuleRoute>.Empty; init; }

    [JsonIgnore]
    public RuleTable Table => new(Version, [.. Rules.Values.Where(rule => rule.Enabled)]);
}

[JsonSerializable(typeof(RuleState))]
[JsonSerializable(typeof(RuleRegistryState))]
internal sealed partial class RulesJson : JsonSerializerContext;
