using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>
/// Where a rule stands in working off its queue. All of it is in memory: what is held here is in the store as well, until it is settled
/// there, so another activation begins with nothing and loses nothing.
/// </summary>
internal sealed record DeliveryState
{
    /// <summary>Fetched from the store, to be sent; in order.</summary>
    public ImmutableArray<QueuedMessage> Waiting { get; init; } = [];
    public ImmutableDictionary<long, QueuedMessage> InFlight { get; init; } = ImmutableDictionary<long, QueuedMessage>.Empty;

    /// <summary>Decided, and not in the store yet; the first <see cref="Settling"/> of them are on the way there.</summary>
    public ImmutableArray<Settlement> Settled { get; init; } = [];
    public int Settling { get; init; }

    /// <summary>The store is being asked for more.</summary>
    public bool Fetching { get; init; }

    /// <summary>When the store may have something that is due; null: not before somebody says so.</summary>
    public DateTimeOffset? LookAt { get; init; }

    /// <summary>The store failed: it is left alone until then.</summary>
    public DateTimeOffset? StoreRetryAt { get; init; }
    public Circuit Circuit { get; init; } = Circuit.Closed;

    /// <summary>As the store last said.</summary>
    public long DeadLetters { get; init; }

    public int Held => Waiting.Length + InFlight.Count + Settled.Length;

    public ImmutableHashSet<long> HeldSequences =>
        [.. Waiting.Select(m => m.Sequence), .. InFlight.Keys, .. Settled.Select(s => s.Sequence)];
}

/// <summary>What happens to a rule that works off its queue.</summary>
internal abstract record DeliveryEvent
{
    private DeliveryEvent() { }

    /// <summary>There may be something in the queue.</summary>
    public sealed record Woken : DeliveryEvent;

    /// <summary>Time has passed.</summary>
    public sealed record Ticked : DeliveryEvent;

    /// <summary>The rule is another now: what the last one's action did says nothing about this one's.</summary>
    public sealed record Changed : DeliveryEvent;

    public sealed record Fetched(DueMessages Messages, int Limit) : DeliveryEvent;

    public sealed record Answered(long Sequence, AttemptOutcome Outcome) : DeliveryEvent;

    /// <summary>The settlements that were on the way to the store are there.</summary>
    /// <param name="DeadLetters">That the rule has by now.</param>
    public sealed record Stored(long DeadLetters) : DeliveryEvent;

    /// <summary>The dead letters were counted: operators replay and delete them.</summary>
    public sealed record Counted(long DeadLetters) : DeliveryEvent;

    /// <param name="WasFetching">It was asked for more; otherwise it was given settlements.</param>
    public sealed record StoreFailed(bool WasFetching) : DeliveryEvent;
}

/// <summary>What a rule that works off its queue asks for.</summary>
internal abstract record DeliveryEffect
{
    private DeliveryEffect() { }

    public sealed record Fetch(ImmutableHashSet<long> Held, int Limit) : DeliveryEffect;

    public sealed record Send(QueuedMessage Message) : DeliveryEffect;

    public sealed record Settle(ImmutableArray<Settlement> Settlements) : DeliveryEffect;
}

/// <summary>What the core is told about the rule, its bounds, the instant, and chance.</summary>
/// <param name="Rule">Null: it is disabled or deleted.</param>
/// <param name="Jitter">0 to 1.</param>
internal readonly record struct DeliveryContext(RuleDefinition? Rule, int MaxDeadLetters, DateTimeOffset Now, double Jitter);
