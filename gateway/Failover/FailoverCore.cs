using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Failover;

/// <summary>
/// A dead gateway's sessions go on at a living one (docs/adr/0011-gateway-failover.md; drawn in docs/gateways.md). Both sides of it: what
/// the successor does, in <see cref="TakeoverRules"/>, and what all others do.
/// </summary>
internal static class FailoverCore
{
    /// <param name="now">In milliseconds of the monotonic clock.</param>
    public static FailoverStep Step(FailoverState state, FailoverEvent e, long now) => e switch
    {
        FailoverEvent.Begun begun => Begin(state, begun, now),
        // Who is dead is forgotten too: whose successors are awaited is seen anew.
        FailoverEvent.TakenForDead => new(new FailoverState { Life = state.Life + 1 }, []),
        _ when state.IsBetweenLives => new(state, []),

        FailoverEvent.PeerCame came => Meet(state, came.GatewayId),
        FailoverEvent.PeerDied died => Bury(state, died.GatewayId).Then(TakeoverRules.Advance, now),
        FailoverEvent.AllMet => new FailoverStep(state with { HasMet = true }, []).Then(TakeoverRules.Advance, now),
        FailoverEvent.SuccessorNamed named => Follow(state, named).Then(TakeoverRules.Advance, now),
        FailoverEvent.Completed completed => new(
            state with { Dead = state.Dead.Add(completed.Dead) }, [new FailoverEffect.Forget(completed.Dead)]),
        _ => TakeoverRules.Step(state, e, now),
    };

    /// <summary>What a gateway that is asked for its progress answers, before it hears that it was asked.</summary>
    /// <exception cref="InvalidOperationException">It is fenced itself.</exception>
    public static FailoverProgress ProgressOf(FailoverState state, string dead) => state.Of(dead) switch
    {
        { Phase: TakeoverPhase.Done or TakeoverPhase.Checking } => new FailoverProgress.Done(),
        { Phase: TakeoverPhase.Elsewhere, Elsewhere: { } elsewhere } => new FailoverProgress.Elsewhere(elsewhere),
        { Phase: TakeoverPhase.Fenced } =>
            throw new InvalidOperationException($"This gateway is fenced, and takes over nothing from {dead}."),
        _ => new FailoverProgress.UnderWay(),
    };

    private static FailoverStep Begin(FailoverState state, FailoverEvent.Begun begun, long now)
    {
        var dead = state.Dead.Union(begun.Parts.Select(part => part.Dead));
        var next = state with { Self = begun.Self, Owner = begun.Owner, Dead = dead };
        if (begun.Parts.IsEmpty) return new(next, []);
        var takeover = new Takeover(begun.Parts[0].Dead)
        {
            Phase = TakeoverPhase.Collecting, Parts = begun.Parts, DueAt = now + TakeoverRules.CollectMs,
        };
        return new(next.With(takeover), [new FailoverEffect.OpenHere(takeover.Head)]);
    }

    /// <summary>It hears who is dead before it hears what is advertised here.</summary>
    private static FailoverStep Meet(FailoverState state, string peer)
    {
        if (state.Dead.Contains(peer) || state.Peers.Contains(peer)) return new(state, []);
        var announced = state.Takeovers.Values.Where(takeover => takeover.IsAnnounced).ToArray();
        return new(
            announced.Where(takeover => takeover.Phase is TakeoverPhase.Collecting)
                .Aggregate(
                    state with { Peers = state.Peers.Add(peer) },
                    (next, takeover) => next.With(takeover with { Awaited = takeover.Awaited.Add(peer) })),
            [
                .. announced.Select(takeover => new FailoverEffect.Post(peer, TakeoverRules.Announcement(takeover, peer))),
                new FailoverEffect.Meet(peer),
                .. announced.Where(takeover => takeover.Phase is not TakeoverPhase.Collecting)
                    .SelectMany(takeover => takeover.Parts)
                    .Select(part => new FailoverEffect.Post(peer, new LinkFrame.FailedOver(part.Dead))),
            ]);
    }

    /// <summary>Who is dead hands nothing over any more: its publishers have not been acknowledged.</summary>
    public static FailoverStep Bury(FailoverState state, string dead)
    {
        if (state.Dead.Contains(dead)) return new(state, []);
        var takeovers = state.Takeovers.ToImmutableSortedDictionary(
            entry => entry.Key, entry => entry.Value with { Awaited = entry.Value.Awaited.Remove(dead) }, StringComparer.Ordinal);
        return new(
            state with { Dead = state.Dead.Add(dead), Peers = state.Peers.Remove(dead), Takeovers = takeovers },
            [new FailoverEffect.Bar(dead)]);
    }

    /// <summary>
    /// What waited for the dead goes to their successor; from then on, what is for the successor's sessions is for theirs too.
    /// </summary>
    private static FailoverStep Follow(FailoverState state, FailoverEvent.SuccessorNamed named)
    {
        if (!state.Peers.Contains(named.GatewayId)) return new(state, []);
        var step = named.Dead.Aggregate(new FailoverStep(state, []), (so, dead) => so.Then((next, _) => Bury(next, dead.GatewayId), 0));
        return step.And(
        [
            .. named.Dead.Select(dead => new FailoverEffect.Redirect(dead.GatewayId, named.GatewayId, dead.StoredUpTo)),
            new FailoverEffect.Post(named.GatewayId, new LinkFrame.HandedOver([.. named.Dead.Select(dead => dead.GatewayId)])),
        ]);
    }
}

/// <summary>What comes of an event.</summary>
internal sealed record FailoverStep(FailoverState State, ImmutableArray<FailoverEffect> Effects)
{
    public FailoverStep And(ImmutableArray<FailoverEffect> effects) => this with { Effects = Effects.AddRange(effects) };

    public FailoverStep Then(Func<FailoverState, long, FailoverStep> next, long now)
    {
        var (state, effects) = next(State, now);
        return new(state, Effects.AddRange(effects));
    }
}
