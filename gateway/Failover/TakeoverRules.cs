using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Failover;

/// <summary>The successor's side: phase by phase, as <see cref="TakeoverPhase"/> has them.</summary>
internal static class TakeoverRules
{
    /// <summary>
    /// How long a message that comes late is known for one that came before, and a gateway that is met late hears of its dead.
    /// </summary>
    public const int LingerMs = 60_000;

    /// <summary>
    /// How long others hand over before this gateway doubts that it is the successor still. Some of them may take it for dead.
    /// </summary>
    public const int CollectMs = 10_000;

    private static readonly Backoff Pauses = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));

    public static FailoverStep Step(FailoverState state, FailoverEvent e, long now) => e switch
    {
        FailoverEvent.Asked asked => Begin(state, asked.Dead),
        FailoverEvent.Claimed claimed when IsAt(state, claimed.Life, claimed.Head, TakeoverPhase.Claiming) => Claim(state, claimed),
        FailoverEvent.FoundElsewhere found when IsAt(state, found.Life, found.Head, TakeoverPhase.Claiming) =>
            new(state.With(NotHere(found.Head, TakeoverPhase.Elsewhere) with { Elsewhere = found.GatewayId, DueAt = now + LingerMs }), []),
        FailoverEvent.Moved moved when IsAt(state, moved.Life, moved.Head, TakeoverPhase.Moving) =>
            Move(state, state.Takeovers[moved.Head]),
        FailoverEvent.Fenced fenced when fenced.Life == state.Life =>
            new(state.With(NotHere(fenced.Head, TakeoverPhase.Fenced)), [new FailoverEffect.BeginAnew()]),
        FailoverEvent.StoreFailed failed when failed.Life == state.Life => Retry(state, failed.Head),
        FailoverEvent.TakenIn taken when IsAt(state, taken.Life, taken.Head, TakeoverPhase.TakingIn) =>
            Announce(state, state.Takeovers[taken.Head], now).Then(Advance, now),
        FailoverEvent.HandedOver handed => HandOver(state, handed).Then(Advance, now),
        FailoverEvent.Told told when IsAt(state, told.Life, told.Head, TakeoverPhase.Telling) => Record(state, state.Takeovers[told.Head]),
        FailoverEvent.Recorded recorded when IsAt(state, recorded.Life, recorded.Head, TakeoverPhase.Recording) =>
            new(
                state.With(state.Takeovers[recorded.Head] with { Phase = TakeoverPhase.Done }),
                [new FailoverEffect.Supersede(recorded.Superseded)]),
        FailoverEvent.Checked @checked when IsAt(state, @checked.Life, @checked.Head, TakeoverPhase.Checking) =>
            new(state.Without(state.Takeovers[@checked.Head]), [new FailoverEffect.Supersede(@checked.Superseded)]),
        FailoverEvent.Swept => Sweep(state, now),
        // A repeat, or the answer to what was asked in another life.
        _ => new(state, []),
    };

    /// <summary>Who has something for the dead hears who their successor is.</summary>
    public static LinkFrame.Successor Announcement(Takeover takeover, string peer) =>
        new([.. takeover.Parts.Select(part => new DeadGateway(part.Dead, part.StoredUpTo(peer)))]);

    /// <summary>Nobody has anything for the dead any more, as far as this gateway can know.</summary>
    public static FailoverStep Advance(FailoverState state, long now)
    {
        if (!state.HasMet) return new(state, []);
        var over = state.Takeovers.Values
            .Where(takeover => takeover is { Phase: TakeoverPhase.Collecting, Awaited.IsEmpty: true }).ToArray();
        return new(
            over.Aggregate(state, (next, takeover) => next.With(takeover with { Phase = TakeoverPhase.Telling, DueAt = now + LingerMs })),
            [
                .. over.SelectMany(takeover => (FailoverEffect[])
                [
                    new FailoverEffect.Open(takeover.Head),
                    new FailoverEffect.TellAll(state.Life, takeover.Head, Dead(takeover)),
                ]),
            ]);
    }

    private static bool IsAt(FailoverState state, int life, string head, TakeoverPhase phase) =>
        life == state.Life && state.Takeovers.GetValueOrDefault(head)?.Phase == phase;

    private static Takeover NotHere(string head, TakeoverPhase phase) => new(head) { Phase = phase };

    private static ImmutableArray<string> Dead(Takeover takeover) => [.. takeover.Parts.Select(part => part.Dead)];

    private static FailoverStep Begin(FailoverState state, string dead) => state.Of(dead) switch
    {
        null => FailoverCore.Bury(state, dead).Then((next, _) => Ask(next, dead), 0),
        // Its answer has been heard; the next time it may be another.
        { Phase: TakeoverPhase.Elsewhere or TakeoverPhase.Fenced } answered => new(state.Without(answered), []),
        _ => new(state, []),
    };

    private static FailoverStep Ask(FailoverState state, string dead) =>
        new(state.With(new Takeover(dead)), [new FailoverEffect.ClaimInStore(state.Life, dead, 0)]);

    private static FailoverStep Claim(FailoverState state, FailoverEvent.Claimed claimed)
    {
        var takeover = state.Takeovers[claimed.Head];
        // One of its successors may have had the sessions, and messages for them with it: the last of them first.
        if (claimed.Parts[0].Through.LastOrDefault(through => state.Of(through) is not { IsAnnounced: true }) is { } first)
        {
            var waiting = new FailoverStep(state.With(takeover with { Phase = TakeoverPhase.Waiting }), []);
            return state.Of(first) is { Phase: not (TakeoverPhase.Elsewhere or TakeoverPhase.Fenced) } ? waiting
                : waiting.Then((next, _) => FailoverCore.Bury(next, first), 0).Then((next, _) => Ask(next, first), 0);
        }
        // Those that come with it are asked for nowhere else.
        var next = claimed.Parts.Skip(1).Aggregate(state, (so, part) => so with { Takeovers = so.Takeovers.Remove(part.Dead) });
        var step = claimed.Parts.Aggregate(
            new FailoverStep(next, []), (so, part) => so.Then((then, _) => FailoverCore.Bury(then, part.Dead), 0));
        return new(
            step.State.With(
                takeover with { Phase = TakeoverPhase.Moving, Parts = claimed.Parts, Sessions = claimed.Sessions, Failures = 0 }),
            step.Effects.Add(new FailoverEffect.MoveInStore(state.Life, claimed.Head, 0)));
    }

    private static FailoverStep Move(FailoverState state, Takeover takeover) => new(
        state.With(takeover with { Phase = TakeoverPhase.TakingIn, Sessions = null, Failures = 0 }),
        [new FailoverEffect.TakeIn(state.Life, takeover.Head, takeover.Parts, takeover.Sessions!)]);

    /// <summary>What this gateway has itself for the dead comes first, and is in the sessions; then the others are asked.</summary>
    private static FailoverStep Announce(FailoverState state, Takeover takeover, long now)
    {
        var waiting = state.Takeovers.Values.Where(other => other.Phase is TakeoverPhase.Waiting).ToArray();
        var next = waiting.Aggregate(
            state.With(takeover with { Phase = TakeoverPhase.Collecting, Awaited = state.Peers, DueAt = now + CollectMs }),
            (so, other) => so.With(new Takeover(other.Head)));
        return new(
            next,
            [
                .. takeover.Parts.Select(part => new FailoverEffect.Redirect(part.Dead, null, part.StoredUpTo(state.Self))),
                new FailoverEffect.OpenHere(takeover.Head),
                .. state.Peers.Select(peer => new FailoverEffect.Post(peer, Announcement(takeover, peer))),
                .. waiting.Select(other => new FailoverEffect.ClaimInStore(state.Life, other.Head, 0)),
            ]);
    }

    private static FailoverStep HandOver(FailoverState state, FailoverEvent.HandedOver handed)
    {
        // Of one that lives: what it sent before it died was received before.
        if (state.Takeovers.GetValueOrDefault(handed.Head) is not { IsAnnounced: true } takeover || !state.Peers.Contains(handed.From))
            return new(state, []);
        var next = takeover with { Awaited = takeover.Awaited.Remove(handed.From), HandedOver = takeover.HandedOver.Add(handed.From) };
        return new(state.With(next), []);
    }

    private static FailoverStep Record(FailoverState state, Takeover takeover) => new(
        state.With(takeover with { Phase = TakeoverPhase.Recording }),
        [
            .. takeover.Parts.Select(part => new FailoverEffect.Forget(part.Dead)),
            new FailoverEffect.RecordInStore(state.Life, takeover.Head, Dead(takeover), 0),
        ]);

    /// <summary>What cannot be known now is asked again until it is.</summary>
    private static FailoverStep Retry(FailoverState state, string head)
    {
        if (state.Takeovers.GetValueOrDefault(head) is not { } takeover) return new(state, []);
        int afterMs = (int)Pauses.After(takeover.Failures + 1).TotalMilliseconds;
        FailoverEffect? again = takeover.Phase switch
        {
            TakeoverPhase.Claiming => new FailoverEffect.ClaimInStore(state.Life, head, afterMs),
            TakeoverPhase.Moving => new FailoverEffect.MoveInStore(state.Life, head, afterMs),
            TakeoverPhase.Recording => new FailoverEffect.RecordInStore(state.Life, head, Dead(takeover), afterMs),
            TakeoverPhase.Checking => new FailoverEffect.CheckInStore(state.Life, head, afterMs),
            _ => null,
        };
        return again is null ? new(state, []) : new(state.With(takeover with { Failures = takeover.Failures + 1 }), [again]);
    }

    private static FailoverStep Sweep(FailoverState state, long now)
    {
        var due = state.Takeovers.Values.Where(takeover => takeover.DueAt <= now).ToLookup(takeover => takeover.Phase);
        var next = due[TakeoverPhase.Elsewhere].Aggregate(state, (so, takeover) => so.Without(takeover));
        next = due[TakeoverPhase.Done].Aggregate(
            next, (so, takeover) => so.With(takeover with { Phase = TakeoverPhase.Checking, Failures = 0 }));
        return new(
            due[TakeoverPhase.Collecting].Aggregate(next, (so, takeover) => so.With(takeover with { DueAt = now + CollectMs })),
            [
                .. due[TakeoverPhase.Done].SelectMany(takeover => (FailoverEffect[])
                [
                    new FailoverEffect.EndDedup(takeover.Head),
                    new FailoverEffect.CheckInStore(state.Life, takeover.Head, 0),
                ]),
                .. due[TakeoverPhase.Collecting].Select(takeover => new FailoverEffect.ClaimInStore(state.Life, takeover.Head, 0)),
            ]);
    }
}
