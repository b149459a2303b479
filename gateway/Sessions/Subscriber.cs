using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// Who stands in the subscription tree and gets what matches: a session of this gateway, a rule, or another gateway on behalf of its own.
/// Each says how it takes a message; the broker asks all of them in the same words.
/// </summary>
internal abstract class Subscriber
{
    /// <summary>Whether a shared subscription should rather choose this one.</summary>
    public abstract bool IsAvailable { get; }

    /// <summary>Whether it is done with a message as soon as that is written to a client: its memory may be used again then.</summary>
    public virtual bool TakesPassing => false;

    /// <summary>Whether the store owes it what it gets with QoS 1 or 2.</summary>
    public virtual bool IsStored => false;

    /// <summary>
    /// Whether it can take one more message. What a client publishes at QoS 1 or 2 while it cannot is refused, so that it tries again.
    /// </summary>
    /// <param name="bytes">Of the payload.</param>
    public virtual bool HasRoomFor(Session publisher, int bytes) => true;

    /// <summary>Takes a message for a client; nothing happens if it has none.</summary>
    /// <param name="isHere">It was published at this gateway.</param>
    /// <returns>What is to be noted in the journal; null if nothing is.</returns>
    public virtual StoredDelivery? Deliver(in Delivery delivery, bool isHere) => null;

    /// <summary>Stores a message in its own way; one that nobody would send again, it may drop if it has no room.</summary>
    /// <param name="publisher">Null: the service itself, or a client that is gone (its will).</param>
    /// <returns>Completes when the message is durable, at once if it stores nothing; fails if it cannot.</returns>
    public virtual Task Keep(Publication message, Session? publisher) => Task.CompletedTask;
}
