using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>A message in a rule's queue.</summary>
/// <param name="Sequence">Its place in the store; grows with the order of arrival.</param>
/// <param name="Id">The receiver's idempotency key: the same in every attempt, and after a replay.</param>
/// <param name="Topic">Topic name; of basic ingest, what comes after <c>$aws/rules/{rule}/</c>.</param>
/// <param name="ClientId">Of the publisher; null for a message of the service itself.</param>
/// <param name="ContentType">As the publisher said (MQTT 5.0, 3.3.2.3.9); null if it did not.</param>
/// <param name="QueuedAt">When its age began: on arrival, or when it was replayed.</param>
/// <param name="Attempts">That have failed.</param>
public sealed record QueuedMessage(
    long Sequence, string Id, string Topic, string? ClientId, string? ContentType, ReadOnlyMemory<byte> Payload,
    DateTimeOffset ReceivedAt, DateTimeOffset QueuedAt, int Attempts);

/// <summary>A message that was given up.</summary>
public sealed record DeadLetter(
    string Id, string Topic, string? ClientId, string? ContentType, ReadOnlyMemory<byte> Payload,
    DateTimeOffset ReceivedAt, int Attempts, string Error, DateTimeOffset DiedAt);

/// <summary>What is to become of a message in the queue.</summary>
public abstract record Settlement(long Sequence)
{
    public sealed record Done(long Sequence) : Settlement(Sequence);

    /// <param name="Attempts">That have failed by now.</param>
    public sealed record Retry(long Sequence, int Attempts, DateTimeOffset DueAt, string Error) : Settlement(Sequence);

    public sealed record Dead(long Sequence, int Attempts, string Error) : Settlement(Sequence);
}

/// <param name="NextDueAt">When the next message that was not fetched is due; null: there is none, or it is due already.</param>
public sealed record DueMessages(ImmutableArray<QueuedMessage> Messages, DateTimeOffset? NextDueAt);

/// <summary>A rule's queue in numbers.</summary>
/// <param name="Delivered">Since the rule was made; so is <paramref name="Failed"/>.</param>
public sealed record RuleBacklog(
    long Queued, long QueuedBytes, long DeadLetters, long Delivered, long Failed, string? LastError, DateTimeOffset? LastErrorAt);

/// <summary>
/// The queues of rules and their dead letters, as the rules see them. Gateways append to the queues on a way of their own.
/// </summary>
public interface IRuleStore
{
    /// <summary>Makes the rule's queue, unless it is there. Only a queue that was made can be appended to.</summary>
    Task Open(RuleName rule);

    /// <summary>Deletes the queue with all that it holds, and its dead letters.</summary>
    Task Drop(RuleName rule);

    /// <summary>Null if there is no such queue.</summary>
    Task<RuleBacklog?> GetBacklog(RuleName rule);

    /// <summary>The messages that are due, in the order in which they became so. They stay in the queue until they are settled.</summary>
    /// <param name="held">Those that the caller has already.</param>
    Task<DueMessages> Fetch(RuleName rule, DateTimeOffset now, ImmutableHashSet<long> held, int limit);

    /// <summary>All in one transaction. What is not in the queue any more is passed over.</summary>
    Task<RuleBacklog> Settle(RuleName rule, ImmutableArray<Settlement> settlements, DateTimeOffset now);

    /// <summary>Dead letters by id, which is by age of the message; after <paramref name="after"/> (null: from the first).</summary>
    Task<ImmutableArray<DeadLetter>> ListDeadLetters(RuleName rule, string? after, int limit);

    Task<DeadLetter?> GetDeadLetter(RuleName rule, string id);

    /// <summary>Puts dead letters back into the queue, due at <paramref name="now"/>.</summary>
    /// <param name="id">Null: the first <paramref name="limit"/>.</param>
    /// <returns>How many.</returns>
    Task<int> Replay(RuleName rule, string? id, int limit, DateTimeOffset now);

    /// <summary>Deletes dead letters.</summary>
    /// <param name="id">Null: the first <paramref name="limit"/>.</param>
    /// <param name="diedBefore">Only those; null: whenever they died.</param>
    /// <returns>How many.</returns>
    Task<int> Discard(RuleName rule, string? id, DateTimeOffset? diedBefore, int limit);
}
