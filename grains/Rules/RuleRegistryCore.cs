using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>Rules come, change and go.</summary>
internal static class RuleRegistryCore
{
    /// <summary>The same state for what is known, or was overtaken.</summary>
    public static RuleRegistryState Set(RuleRegistryState state, RuleRoute rule) =>
        state.Rules.TryGetValue(rule.Name.Value, out var known) && known.Version >= rule.Version
            ? state : state with { Version = state.Version + 1, Rules = state.Rules.SetItem(rule.Name.Value, rule) };

    public static RuleRegistryState Remove(RuleRegistryState state, RuleName name, long version) =>
        state.Rules.TryGetValue(name.Value, out var known) && known.Version < version
            ? state with { Version = state.Version + 1, Rules = state.Rules.Remove(name.Value) } : state;
}
