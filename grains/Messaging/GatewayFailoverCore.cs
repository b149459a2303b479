using System.Diagnostics;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using static Fleet.Grains.Messaging.GatewayFailoverEffect;
using static Fleet.Grains.Messaging.GatewayFailoverEvent;
using static Fleet.Grains.Messaging.GatewayFailoverState;

namespace Fleet.Grains.Messaging;

/// <summary>
/// What is left to do when a gateway is dead: another takes over its persistent sessions, then each of its devices becomes disconnected, a
/// page at a time, and the same gateway publishes their presence events and wills.
/// <code>
/// Choosing --Viewed--> Asking --Done--> Disconnecting --no device left--> Over
///    |                 |    ^             |       ^
///    |          Elsewhere   |             v       | Published
///    |                 v    |           Publishing
///    |              Looking-+ Viewed: it lives, and is asked; it is dead, and what it left is taken over first; neither is known: again
///    +--no gateway lives--> Over
/// </code>
/// Each state waits for the one effect that led to it. A call that fails ends all of it; a later fail-over of the same gateway finds done
/// what is done.
/// </summary>
internal static class GatewayFailoverCore
{
    /// <summary>How often one successor may name another. Each has died while it was about to take over.</summary>
    public const int MaxSuccessors = 8;

    /// <summary>
    /// How often it is looked for a gateway that has the sessions, and is not known to have joined: one that is about to has as long as one
    /// that falls silent.
    /// </summary>
    public const int MaxLooks = 10;

    public static readonly TimeSpan LookAgainAfter = GatewayLiveness.DeadAfter / MaxLooks;

    /// <summary>A gateway that is about to take over is asked again after this.</summary>
    public static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);

    public static GatewayFailoverStep Begin { get; } = new(new Choosing(), new ReadView(TimeSpan.Zero));

    /// <param name="gateway">The dead one.</param>
    public static GatewayFailoverStep Decide(string gateway, GatewayFailoverState state, GatewayFailoverEvent e) => (state, e) switch
    {
        (Choosing, Viewed v) => SuccessorChoice.Of(v.View.Gateways, gateway) is { } successor
            ? Ask(new(successor, gateway, Successors: 1)) : End(new GatewayFailoverResult.NoGateway()),
        (Asking a, Answered { Progress: FailoverProgress.UnderWay }) => new(a, new Ask(a.Successor, a.Dead, AskAgainAfter)),
        // That was the successor that the dead one would have had.
        (Asking a, Answered) when a.Dead != gateway => Ask(a with { Dead = gateway }),
        (Asking a, Answered { Progress: FailoverProgress.Done }) => Disconnect(new(a.Successor), after: null),
        (Asking { Successors: MaxSuccessors }, Answered) => End(new GatewayFailoverResult.GoesRound()),
        (Asking a, Answered { Progress: FailoverProgress.Elsewhere x }) => new(
            new Looking(a with { Successors = a.Successors + 1 }, x.GatewayId, Looks: 1), new ReadView(TimeSpan.Zero)),
        (Looking l, Viewed v) when v.View.Find(l.Other) is not null => Ask(l.Asked with { Successor = l.Other }),
        // It began under the name of the dead one, and has not joined yet.
        (Looking l, Viewed v) when !v.View.Dead.Contains(l.Other) && l.Looks < MaxLooks => new(
            l with { Looks = l.Looks + 1 }, new ReadView(LookAgainAfter)),
        // It died as the successor, or before it was a gateway.
        (Looking l, Viewed) => Ask(l.Asked with { Dead = l.Other }),
        (Disconnecting d, Disconnected { Last: null }) => End(
            d.Failure is { } failure ? new GatewayFailoverResult.DevicesLeft(failure) : new GatewayFailoverResult.Done(d.Devices)),
        (Disconnecting d, Disconnected p) => Publish(
            d with { Devices = d.Devices + p.Lost.Length, Failure = d.Failure ?? p.Failure }, p.Lost, p.Last.Value),
        (Publishing p, Published) => Disconnect(p.Then, p.After),
        _ => throw new UnreachableException($"{e.GetType().Name} in {state.GetType().Name} has no rule"),
    };

    private static GatewayFailoverStep Ask(Asking asking) => new(asking, new Ask(asking.Successor, asking.Dead, TimeSpan.Zero));

    private static GatewayFailoverStep Disconnect(Disconnecting state, ThingName? after) => new(state, new DisconnectPage(after));

    // No device names its lost session twice, so what these did must not be forgotten for those that could not.
    private static GatewayFailoverStep Publish(Disconnecting then, ImmutableArray<LostSession> lost, ThingName last) =>
        lost.IsEmpty ? Disconnect(then, last) : new(new Publishing(then, last), new Publish(then.Successor, lost));

    private static GatewayFailoverStep End(GatewayFailoverResult result) => new(new Over(result), Effect: null);
}

/// <param name="Effect">Null: it is over.</param>
internal sealed record GatewayFailoverStep(GatewayFailoverState State, GatewayFailoverEffect? Effect);

internal abstract record GatewayFailoverState
{
    private GatewayFailoverState() { }

    /// <summary>The successor is to be chosen.</summary>
    public sealed record Choosing : GatewayFailoverState;

    /// <param name="Dead">What it is asked to take over from: the dead gateway, or one whose place that had taken.</param>
    /// <param name="Successors">That were asked so far, with this one.</param>
    public sealed record Asking(string Successor, string Dead, int Successors) : GatewayFailoverState;

    /// <summary>A gateway that was not there has the sessions, says the one that was asked.</summary>
    public sealed record Looking(Asking Asked, string Other, int Looks) : GatewayFailoverState;

    /// <summary>The successor has the sessions. The devices are to be told.</summary>
    public sealed record Disconnecting(string Successor, int Devices = 0, Exception? Failure = null) : GatewayFailoverState;

    public sealed record Publishing(Disconnecting Then, ThingName After) : GatewayFailoverState;

    public sealed record Over(GatewayFailoverResult Result) : GatewayFailoverState;
}

internal abstract record GatewayFailoverEvent
{
    private GatewayFailoverEvent() { }

    public sealed record Viewed(GatewayView View) : GatewayFailoverEvent;

    public sealed record Answered(FailoverProgress Progress) : GatewayFailoverEvent;

    /// <param name="Lost">Sessions that ended now.</param>
    /// <param name="Last">Of the page; null: there are no more devices.</param>
    /// <param name="Failure">Of a device that could not be asked, because its silo died as well, say.</param>
    public sealed record Disconnected(ImmutableArray<LostSession> Lost, ThingName? Last, Exception? Failure) : GatewayFailoverEvent;

    /// <summary>Or given up.</summary>
    public sealed record Published : GatewayFailoverEvent;
}

internal abstract record GatewayFailoverEffect
{
    private GatewayFailoverEffect() { }

    public sealed record ReadView(TimeSpan After) : GatewayFailoverEffect;

    public sealed record Ask(string Successor, string Dead, TimeSpan After) : GatewayFailoverEffect;

    /// <param name="After">The last thing of the page before.</param>
    public sealed record DisconnectPage(ThingName? After) : GatewayFailoverEffect;

    public sealed record Publish(string Successor, ImmutableArray<LostSession> Lost) : GatewayFailoverEffect;
}

internal abstract record GatewayFailoverResult
{
    private GatewayFailoverResult() { }

    /// <param name="Devices">That were connected through it.</param>
    public sealed record Done(int Devices) : GatewayFailoverResult;

    /// <summary>To be tried again when one comes.</summary>
    public sealed record NoGateway : GatewayFailoverResult;

    /// <summary>Devices that could not be asked are left for the next time.</summary>
    /// <param name="Failure">Of one of them.</param>
    public sealed record DevicesLeft(Exception Failure) : GatewayFailoverResult;

    /// <summary>Each successor named another.</summary>
    public sealed record GoesRound : GatewayFailoverResult;
}
