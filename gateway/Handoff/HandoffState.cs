using Fleet.Interfaces;

namespace Fleet.Gateway.Handoff;

/// <summary>How far a session is on its way to another gateway.</summary>
internal enum OutboundStage
{
    /// <summary>Its connection is over; it goes on collecting messages. Another gateway has been told to collect it.</summary>
    Asked,

    /// <summary>
    /// Another gateway has a copy, which it may or may not have stored. What comes is collected here, and sent on as well.
    /// </summary>
    Sent,

    /// <summary>The copy is stored: the session is over here. What still comes is sent on.</summary>
    Stored,
}

/// <summary>A session that leaves. Until it is <see cref="OutboundStage.Stored"/>, this gateway is the one that has it.</summary>
/// <param name="Epoch">Of the lease that it was asked for with, the last one: only a gateway with that lease gets a copy.</param>
/// <param name="Until">When it expires; once it is stored elsewhere, until when messages are sent on. Monotonic milliseconds.</param>
/// <param name="SessionEpoch">Of its last connection here.</param>
/// <param name="To">The gateway that has a copy; null: none has.</param>
internal sealed record Outbound(OutboundStage Stage, SessionEpoch Epoch, long Until, SessionEpoch SessionEpoch, string? To = null);

/// <summary>A session that comes: this gateway subscribes and collects for it, and is not the one that has it.</summary>
/// <param name="Epoch">Of the lease that it comes with.</param>
/// <param name="From">The gateway that has it.</param>
/// <param name="Handoff">The epoch that it was asked for with there.</param>
/// <param name="SessionEpoch">Of its last connection there.</param>
internal sealed record Inbound(SessionEpoch Epoch, string From, SessionEpoch Handoff, SessionEpoch SessionEpoch);

/// <summary>A session that is here, where its client finds it, and outlives its connection.</summary>
/// <param name="Epoch">Of its last connection.</param>
/// <param name="Until">When it expires. Monotonic milliseconds.</param>
internal readonly record struct HeldSession(SessionEpoch Epoch, long Until);

/// <summary>
/// What one gateway knows of one client's session between gateways; a session that is simply here, or nowhere, is no part of it.
/// </summary>
internal sealed record HandoffState(Outbound? Out = null, Inbound? In = null)
{
    public static readonly HandoffState None = new();
}

/// <summary>What is known of the gateway that has a copy of a session.</summary>
internal enum TakerStanding
{
    Lives,

    /// <summary>
    /// It is dead; whether it has stored its copy is known when its sessions are at another gateway, and the store is asked.
    /// </summary>
    Lost,
}

internal abstract record HandoffEvent
{
    private HandoffEvent() { }

    /// <summary>A newer connection elsewhere has the client id.</summary>
    /// <param name="Discard">Clean start: the session ends.</param>
    /// <param name="Held">Null: there is none.</param>
    public sealed record TakenOver(SessionEpoch Epoch, bool Discard, HeldSession? Held, TakerStanding Taker) : HandoffEvent;

    /// <summary>The other gateway asks for the messages.</summary>
    public sealed record Collected(SessionEpoch Epoch, string To) : HandoffEvent;

    /// <summary>The other gateway has stored the session, or has had it stored before it was told to collect it.</summary>
    public sealed record StoredThere(SessionEpoch Epoch, string To) : HandoffEvent;

    /// <summary>The client is back here.</summary>
    /// <param name="IsLast">No other gateway has its session; false: one may have a newer copy, and is asked next.</param>
    public sealed record ClientBack(SessionEpoch Epoch, bool IsLast, TakerStanding Taker) : HandoffEvent;

    /// <summary>The gateway that has a copy is dead, its sessions are at another, and the store says who has this one.</summary>
    public sealed record TakerGone(string Taker, bool StillHere) : HandoffEvent;

    /// <summary>A session is to be collected from another gateway.</summary>
    /// <param name="SessionEpoch">Of the session's last connection there.</param>
    /// <param name="HeldEpoch">
    /// Of the last connection of the session that is here, which outlives its connection; null: there is none.
    /// </param>
    public sealed record Begun(
        SessionEpoch Epoch, string From, SessionEpoch Handoff, SessionEpoch SessionEpoch, SessionEpoch? HeldEpoch) : HandoffEvent;

    /// <summary>The messages of a session that comes are here.</summary>
    public sealed record Came(SessionEpoch Epoch, SessionEpoch Handoff) : HandoffEvent;

    /// <summary>A session that was to come does not: the gateway that had it is dead, or gave it to another.</summary>
    public sealed record NotComing(SessionEpoch Epoch, SessionEpoch Handoff) : HandoffEvent;

    public sealed record Ticked : HandoffEvent;
}

internal enum HandoffEffect
{
    /// <summary>The session that is here leaves: its connection ends, and it collects on.</summary>
    Freeze,

    /// <summary>It is copied, and what comes from now on is sent on too.</summary>
    Copy,

    /// <summary>No other gateway has a copy that counts: nothing is sent on any more.</summary>
    Recall,

    /// <summary>It is removed from the store; what still comes is sent on.</summary>
    Forward,

    /// <summary>It is where its client finds it again.</summary>
    Return,

    /// <summary>It ends here, on its way out.</summary>
    Drop,

    /// <summary>The one that was on its way here ends.</summary>
    Abort,

    /// <summary>The one that was on its way here is here, with its messages, and is to be stored.</summary>
    Accept,

    /// <summary>Once what is here is durable, the gateway that had the session is told that it need not keep it.</summary>
    Tell,
}

internal enum HandoffAnswer
{
    /// <summary>There is nothing: no session, or not for the one that asks.</summary>
    Nothing,

    /// <summary>It is handed over, or comes, as asked.</summary>
    Yes,

    /// <summary>It is here already.</summary>
    Here,

    /// <summary>It is on its way here.</summary>
    Coming,

    /// <summary>
    /// Where it is depends on a newer connection, or on a gateway that is dead and whose sessions are not at another yet.
    /// </summary>
    Unknown,
}

internal readonly record struct HandoffDecision(HandoffState State, HandoffAnswer Answer, ImmutableArray<HandoffEffect> Effects);
