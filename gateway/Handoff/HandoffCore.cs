using System.Diagnostics;
using Fleet.Interfaces;
using static Fleet.Gateway.Handoff.HandoffAnswer;
using static Fleet.Gateway.Handoff.HandoffEffect;

namespace Fleet.Gateway.Handoff;

/// <summary>
/// The rules by which a session passes from one gateway to another. The old gateway has it until the new one has stored it: a copy goes
/// over, the old one collects on, and lets go when it hears that the copy is stored. So either of the two may die at any moment, and the
/// client may turn back. Of two copies the one with the higher epoch is right, in the store as here.
/// </summary>
internal static class HandoffCore
{
    /// <summary>
    /// How long messages are sent on that come to the old gateway alone. Links are empty within moments, or their gateway is dead.
    /// </summary>
    public const long LingerMs = 30_000;

    /// <summary>How long a session that came takes what its former gateway sends on. That one begins to count later.</summary>
    public const long ArrivedMs = 2 * LingerMs;

    public static HandoffDecision Decide(HandoffState state, HandoffEvent e, long now) => e switch
    {
        HandoffEvent.TakenOver t => TakeOver(state, t),
        HandoffEvent.Collected c => Collect(state, c),
        HandoffEvent.StoredThere s when state.Out is { Stage: not OutboundStage.Stored } leaving && leaving.Epoch == s.Epoch => new(
            state with { Out = leaving with { Stage = OutboundStage.Stored, Until = now + LingerMs, To = s.To } }, Yes, [Forward]),
        HandoffEvent.ClientBack b => ComeBack(state, b),
        HandoffEvent.TakerGone g when state.Out is { Stage: OutboundStage.Sent } leaving && leaving.To == g.Taker => new(
            state with { Out = null }, g.StillHere ? Here : Nothing, [g.StillHere ? Return : Drop]),
        HandoffEvent.Begun b => Begin(state, b),
        // The session as it was here once, if it never heard that it is stored elsewhere, is older.
        HandoffEvent.Came c when IsComing(state, c.Epoch, c.Handoff) => new(
            HandoffState.None, Here, state.Out is null ? [Accept, Tell] : [Accept, Tell, Drop]),
        HandoffEvent.NotComing n when IsComing(state, n.Epoch, n.Handoff) => new(state with { In = null }, Nothing, [Abort]),
        HandoffEvent.Ticked when state.Out?.Until <= now => new(state with { Out = null }, Nothing, [Drop]),
        HandoffEvent.StoredThere or HandoffEvent.TakerGone or HandoffEvent.Came or HandoffEvent.NotComing or HandoffEvent.Ticked =>
            new(state, Nothing, []),
        _ => throw new UnreachableException($"{e.GetType().Name} has no rule"),
    };

    private static HandoffDecision TakeOver(HandoffState state, HandoffEvent.TakenOver t)
    {
        // The one that is here may have come from a dead gateway while an older one was on its way.
        bool overtakesIn = state.In?.Epoch < t.Epoch || state.In?.SessionEpoch <= t.Held?.Epoch;
        var next = overtakesIn ? state with { In = null } : state;
        ImmutableArray<HandoffEffect> aborted = overtakesIn ? [Abort] : [];
        if (t.Discard)
        {
            return next.Out?.Epoch <= t.Epoch
                ? new(next with { Out = null }, Nothing, aborted.Add(Drop)) : new(next, Nothing, aborted);
        }
        if (t.Held is { } held && !(state.In?.SessionEpoch > held.Epoch))
        {
            var leaving = new Outbound(OutboundStage.Asked, t.Epoch, held.Until, held.Epoch);
            return new(next with { Out = leaving }, Yes, [.. aborted, .. next.Out is null ? [] : new[] { Drop }, Freeze]);
        }
        // It is on its way here, so another gateway has it, which is asked next.
        if (state.In is not null) return new(next, Nothing, aborted);
        return next.Out switch
        {
            null or { Stage: OutboundStage.Stored } => new(next, Nothing, []),
            // A newer connection is about to have it: nothing is to begin beside that for an older one.
            var o when o.Epoch > t.Epoch => new(next, Unknown, []),
            var o when o.Epoch == t.Epoch => new(next, Yes, []),
            { Stage: OutboundStage.Sent } when t.Taker == TakerStanding.Lost => new(next, Unknown, []),
            var o => new(next with { Out = o with { Stage = OutboundStage.Asked, Epoch = t.Epoch, To = null } }, Yes, [Recall]),
        };
    }

    private static HandoffDecision Collect(HandoffState state, HandoffEvent.Collected c) =>
        state.Out is { Stage: not OutboundStage.Stored } leaving && leaving.Epoch == c.Epoch && (leaving.To ?? c.To) == c.To
            ? new(state with { Out = leaving with { Stage = OutboundStage.Sent, To = c.To } }, Yes, [Copy]) : new(state, Nothing, []);

    private static HandoffDecision ComeBack(HandoffState state, HandoffEvent.ClientBack b) => state switch
    {
        { In: not null } => new(state, Coming, []),
        { Out: null or { Stage: OutboundStage.Stored } } => new(state, Nothing, []),
        { Out.Epoch: var asked } when asked > b.Epoch => new(state, Unknown, []),
        _ when !b.IsLast => new(state, Nothing, []),
        { Out.Stage: OutboundStage.Sent } when b.Taker == TakerStanding.Lost => new(state, Unknown, []),
        _ => new(state with { Out = null }, Here, [Return]),
    };

    private static HandoffDecision Begin(HandoffState state, HandoffEvent.Begun b)
    {
        if (state.In?.Epoch > b.Epoch) return new(state, Nothing, []);
        if (b.HeldEpoch >= b.SessionEpoch) return new(state, Here, [Tell]);
        bool forwards = state.Out is { Stage: OutboundStage.Stored };
        ImmutableArray<HandoffEffect> before = state.In is null ? [] : [Abort];
        // What was about to leave from here is newer.
        if (state.Out is { Stage: not OutboundStage.Stored } leaving && leaving.SessionEpoch >= b.SessionEpoch)
            return leaving.Epoch > b.Epoch ? new(state, Nothing, []) : new(HandoffState.None, Here, [.. before, Return, Tell]);
        // What still comes for a session that went away from here reaches the one that comes.
        return new(
            new(forwards ? null : state.Out, new Inbound(b.Epoch, b.From, b.Handoff, b.SessionEpoch)), Coming,
            forwards ? before.Add(Drop) : before);
    }

    private static bool IsComing(HandoffState state, SessionEpoch epoch, SessionEpoch handoff) =>
        state.In?.Epoch == epoch && state.In.Handoff == handoff;
}
