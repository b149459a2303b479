using Fleet.Gateway.Journal;

namespace Fleet.Gateway.Failover;

/// <summary>What one gateway knows of dead ones: those whose sessions it goes on with, and those whose successors are others.</summary>
internal sealed record FailoverState
{
    /// <summary>Its id in this life.</summary>
    public string Self { get; init; } = "";

    /// <summary>Its number as an owner of sessions; null: it has not begun.</summary>
    public OwnerNumber? Owner { get; init; }

    /// <summary>
    /// Which of this gateway's lives: it begins anew when it was taken for dead, and hears nothing more of what it had asked for before.
    /// </summary>
    public int Life { get; init; }

    /// <summary>It has been taken for dead, and has not begun anew.</summary>
    public bool IsBetweenLives => Owner is null;

    /// <summary>It has seen who lives. Before, it cannot say that everybody has handed over.</summary>
    public bool HasMet { get; init; }

    /// <summary>The others that live, and that it has met.</summary>
    public ImmutableSortedSet<string> Peers { get; init; } = Ids.None;

    /// <summary>Never met again: an id is good for one life.</summary>
    public ImmutableSortedSet<string> Dead { get; init; } = Ids.None;

    /// <summary>By the gateway that was asked for.</summary>
    public ImmutableSortedDictionary<string, Takeover> Takeovers { get; init; } =
        ImmutableSortedDictionary.Create<string, Takeover>(StringComparer.Ordinal);

    /// <summary>Some sessions are this gateway's in the store, or may be, that the directory has not yet.</summary>
    public bool IsLoading => Takeovers.Values.Any(takeover => takeover.Phase is TakeoverPhase.Moving or TakeoverPhase.TakingIn);

    /// <summary>
    /// Some sessions are closed to gateways that may have something for the dead still, and stand for nobody among the members of their
    /// shared subscriptions.
    /// </summary>
    public bool IsCollecting => Takeovers.Values.Any(takeover => takeover.Phase is TakeoverPhase.Collecting);

    /// <summary>The takeover that a gateway's sessions are part of; null if there is none.</summary>
    public Takeover? Of(string dead) =>
        Takeovers.Values.FirstOrDefault(takeover => takeover.Parts.Any(part => part.Dead == dead)) ?? Takeovers.GetValueOrDefault(dead);

    public FailoverState With(Takeover takeover) => this with { Takeovers = Takeovers.SetItem(takeover.Head, takeover) };

    public FailoverState Without(Takeover takeover) => this with { Takeovers = Takeovers.Remove(takeover.Head) };
}

/// <summary>
/// The sessions of a dead gateway go on here, and with them those that it had from others and was not done with: one after the other, they
/// would be closed to a gateway that has handed over for one of them and not for the other.
/// </summary>
/// <param name="Head">The gateway that this one was asked to take over from.</param>
internal sealed record Takeover(string Head)
{
    public TakeoverPhase Phase { get; init; } = TakeoverPhase.Claiming;
    public ImmutableArray<LeftBehind> Parts { get; init; } = [];

    /// <summary>As read from the store, until the directory has them.</summary>
    public StoredSessions? Sessions { get; init; }

    /// <summary>Other gateways that have not handed over yet.</summary>
    public ImmutableSortedSet<string> Awaited { get; init; } = Ids.None;

    /// <summary>Those that have: what they send reaches the sessions in its order.</summary>
    public ImmutableSortedSet<string> HandedOver { get; init; } = Ids.None;

    /// <summary>Where the sessions are, when that is another gateway.</summary>
    public string? Elsewhere { get; init; }

    /// <summary>How often the store has failed in this phase.</summary>
    public int Failures { get; init; }

    /// <summary>
    /// In milliseconds of the monotonic clock: when the store is asked whether the sessions are this gateway's still, because others have
    /// not handed over; when nothing late is expected any more, or nobody asks.
    /// </summary>
    public long DueAt { get; init; }

    /// <summary>Others know of it, or are about to hear.</summary>
    public bool IsAnnounced => Phase is >= TakeoverPhase.Collecting and <= TakeoverPhase.Checking;
}

internal enum TakeoverPhase
{
    /// <summary>The store is asked what there is, and fences the dead gateway.</summary>
    Claiming,

    /// <summary>A successor that the dead gateway had is to be taken over from first.</summary>
    Waiting,

    /// <summary>The store makes the sessions this gateway's.</summary>
    Moving,

    /// <summary>The sessions are put where messages and clients find them.</summary>
    TakingIn,

    /// <summary>The other gateways hand over what they have for the dead.</summary>
    Collecting,

    /// <summary>They are told that nothing is for the dead any more.</summary>
    Telling,

    /// <summary>The store forgets what it knew of the dead.</summary>
    Recording,
    Done,

    /// <summary>
    /// The store is asked which of the sessions are not right: a gateway that got one from the dead may have stored it only when they were
    /// read.
    /// </summary>
    Checking,

    /// <summary>Another gateway has the sessions.</summary>
    Elsewhere,

    /// <summary>This gateway is fenced itself.</summary>
    Fenced,
}

/// <summary>What one dead gateway left.</summary>
/// <param name="Through">Those that were its successors, and died before it was failed over, in order.</param>
/// <param name="Marks">How far it had stored what the others sent it.</param>
internal sealed record LeftBehind(string Dead, ImmutableArray<string> Through, ImmutableArray<LinkMark> Marks)
{
    /// <summary>Number of the last frame from a gateway that the dead one had stored; 0: none.</summary>
    public long StoredUpTo(string gatewayId) => Marks.FirstOrDefault(mark => mark.Sender == gatewayId).Number;
}

internal static class Ids
{
    public static readonly ImmutableSortedSet<string> None = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);
}
