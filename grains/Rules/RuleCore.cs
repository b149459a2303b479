using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>Changes to a rule.</summary>
internal static class RuleCore
{
    /// <param name="ifVersion">The version it must have; 0: it must not exist; null: whatever it has.</param>
    public static RuleDecision Put(RuleState state, RuleName name, RuleDefinition definition, long? ifVersion, DateTimeOffset now)
    {
        if (Conflict(state, ifVersion) is { } conflict) return new(conflict);
        bool isNew = state.Definition is null;
        // A repeat changes nothing, so that a deployment that is run again does not interrupt anything.
        if (!isNew && Same(state.Definition!, definition)) return new(new RuleResult.Stored(state.ToView()!, Created: false));
        return Stored(state with
        {
            Name = name,
            Definition = definition,
            Enabled = isNew || state.Enabled,
            CreatedAt = isNew ? now : state.CreatedAt,
        }, isNew, now);
    }

    public static RuleDecision SetEnabled(RuleState state, bool enabled, DateTimeOffset now)
    {
        if (state.Definition is null) return new(new RuleResult.NotFound());
        return state.Enabled == enabled
            ? new(new RuleResult.Stored(state.ToView()!, Created: false)) : Stored(state with { Enabled = enabled }, false, now);
    }

    public static RuleDecision Delete(RuleState state, long? ifVersion, DateTimeOffset now)
    {
        if (state.Definition is null) return new(new RuleResult.NotFound());
        if (Conflict(state, ifVersion) is { } conflict) return new(conflict);
        return new(
            new RuleResult.Deleted(),
            state with { Version = state.Version + 1, Definition = null, Enabled = false, Dropping = true, ChangedAt = now });
    }

    private static RuleDecision Stored(RuleState next, bool created, DateTimeOffset now)
    {
        next = next with { Version = next.Version + 1, ChangedAt = now };
        return new(new RuleResult.Stored(next.ToView()!, created), next);
    }

    private static RuleResult.VersionConflict? Conflict(RuleState state, long? ifVersion)
    {
        long current = state.Definition is null ? 0 : state.Version;
        return ifVersion is { } expected && expected != current ? new(current) : null;
    }

    /// <summary>A record compares a dictionary by reference.</summary>
    private static bool Same(RuleDefinition a, RuleDefinition b) =>
        a.Action.Headers.SequenceEqual(b.Action.Headers) && a with { Action = a.Action with { Headers = b.Action.Headers } } == b;
}

/// <param name="Next">Null: nothing changes.</param>
internal readonly record struct RuleDecision(RuleResult Result, RuleState? Next = null);
