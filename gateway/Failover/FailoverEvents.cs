using Fleet.Gateway.Journal;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Failover;

/// <summary>
/// What a gateway hears of that changes its fail-overs. Those that answer a question to the store say in which life it was asked.
/// </summary>
internal abstract record FailoverEvent
{
    /// <summary>It has begun, under an id of its own, and has the sessions that gateways of its name left.</summary>
    public sealed record Begun(string Self, OwnerNumber Owner, ImmutableArray<LeftBehind> Parts) : FailoverEvent;

    /// <summary>It was taken for dead.</summary>
    public sealed record TakenForDead : FailoverEvent;

    /// <summary>It is asked to take over from a dead gateway, or how far that is.</summary>
    public sealed record Asked(string Dead) : FailoverEvent;

    /// <summary>The dead gateway is fenced, and this is its successor in the store.</summary>
    public sealed record Claimed(int Life, string Head, ImmutableArray<LeftBehind> Parts, StoredSessions Sessions) : FailoverEvent;

    public sealed record FoundElsewhere(int Life, string Head, string GatewayId) : FailoverEvent;

    /// <summary>The sessions are this gateway's in the store.</summary>
    public sealed record Moved(int Life, string Head) : FailoverEvent;

    /// <summary>The store takes nothing from this gateway, because it was taken for dead itself.</summary>
    public sealed record Fenced(int Life, string Head) : FailoverEvent;

    /// <summary>The store failed; what was asked for may have been done.</summary>
    public sealed record StoreFailed(int Life, string Head) : FailoverEvent;

    /// <summary>Messages and clients find the sessions.</summary>
    public sealed record TakenIn(int Life, string Head) : FailoverEvent;

    /// <summary>Every other gateway has been told that nothing is for the dead any more, or is dead.</summary>
    public sealed record Told(int Life, string Head) : FailoverEvent;

    /// <param name="Superseded">Sessions that this gateway has, and of whose clients another has newer ones.</param>
    public sealed record Recorded(int Life, string Head, ImmutableArray<SupersededSession> Superseded) : FailoverEvent;

    /// <summary>As <see cref="Recorded"/>, when whatever was on its way has come.</summary>
    public sealed record Checked(int Life, string Head, ImmutableArray<SupersededSession> Superseded) : FailoverEvent;

    /// <summary>Another gateway has come.</summary>
    public sealed record PeerCame(string GatewayId) : FailoverEvent;

    /// <summary>Another gateway is dead: one that this one had met, or not.</summary>
    public sealed record PeerDied(string GatewayId) : FailoverEvent;

    /// <summary>All who live have been met.</summary>
    public sealed record AllMet : FailoverEvent;

    /// <summary>Another gateway has said all that it had for the dead of a takeover.</summary>
    public sealed record HandedOver(string From, string Head) : FailoverEvent;

    /// <summary>Another gateway is the successor of dead ones.</summary>
    public sealed record SuccessorNamed(string GatewayId, ImmutableArray<DeadGateway> Dead) : FailoverEvent;

    /// <summary>Nothing is for a dead gateway any more.</summary>
    public sealed record Completed(string Dead) : FailoverEvent;

    /// <summary>Time has passed.</summary>
    public sealed record Swept : FailoverEvent;
}

/// <summary>What the shell is to do, in this order.</summary>
internal abstract record FailoverEffect
{
    /// <summary>A question; answered by <see cref="FailoverEvent.StoreFailed"/> if the store fails.</summary>
    public abstract record ToStore(int Life, string Head, int AfterMs) : FailoverEffect;

    /// <summary>
    /// Fence the dead gateway, and ask the store what there is; answered by <see cref="FailoverEvent.Claimed"/> or
    /// <see cref="FailoverEvent.FoundElsewhere"/>.
    /// </summary>
    public sealed record ClaimInStore(int Life, string Head, int AfterMs) : ToStore(Life, Head, AfterMs);

    /// <summary>Make the sessions this gateway's in the store; answered by <see cref="FailoverEvent.Moved"/>.</summary>
    public sealed record MoveInStore(int Life, string Head, int AfterMs) : ToStore(Life, Head, AfterMs);

    /// <summary>Have the store forget the dead; answered by <see cref="FailoverEvent.Recorded"/>.</summary>
    public sealed record RecordInStore(int Life, string Head, ImmutableArray<string> Dead, int AfterMs)
        : ToStore(Life, Head, AfterMs);

    /// <summary>Ask the store which sessions are not right; answered by <see cref="FailoverEvent.Checked"/>.</summary>
    public sealed record CheckInStore(int Life, string Head, int AfterMs) : ToStore(Life, Head, AfterMs);

    /// <summary>End the sessions here of whose clients another gateway has newer ones.</summary>
    public sealed record Supersede(ImmutableArray<SupersededSession> Sessions) : FailoverEffect;

    /// <summary>Put the sessions where messages and clients find them; answered by <see cref="FailoverEvent.TakenIn"/>.</summary>
    public sealed record TakeIn(int Life, string Head, ImmutableArray<LeftBehind> Parts, StoredSessions Sessions) : FailoverEffect;

    /// <summary>Nothing is said to a gateway any more, nor heard of it; messages for it wait.</summary>
    public sealed record Bar(string Dead) : FailoverEffect;

    /// <summary>Messages for a dead gateway go to its successor, in order.</summary>
    /// <param name="To">Null: this gateway.</param>
    /// <param name="StoredUpTo">Number of the last frame of this gateway's that the dead one had stored.</param>
    public sealed record Redirect(string Dead, string? To, long StoredUpTo) : FailoverEffect;

    /// <summary>The sessions take what is published here.</summary>
    public sealed record OpenHere(string Head) : FailoverEffect;

    /// <summary>The sessions take messages like all others.</summary>
    public sealed record Open(string Head) : FailoverEffect;

    public sealed record Post(string To, LinkFrame Frame) : FailoverEffect;

    /// <summary>Advertise to a gateway that has come.</summary>
    public sealed record Meet(string GatewayId) : FailoverEffect;

    /// <summary>Tell all others that nothing is for the dead any more; answered by <see cref="FailoverEvent.Told"/>.</summary>
    public sealed record TellAll(int Life, string Head, ImmutableArray<string> Dead) : FailoverEffect;

    /// <summary>What a dead gateway had advertised goes.</summary>
    public sealed record Forget(string Dead) : FailoverEffect;

    /// <summary>All that this gateway has is another's.</summary>
    public sealed record BeginAnew : FailoverEffect;

    /// <summary>Whatever was on its way has come.</summary>
    public sealed record EndDedup(string Head) : FailoverEffect;
}
