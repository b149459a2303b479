using System.Diagnostics.CodeAnalysis;
using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// A new subscription's way through the retained messages: it holds no message, and reads each when there is room for it. Under the
/// session's lock.
/// </summary>
internal abstract class RetainedCursor(HeldSubscription subscription)
{
    /// <summary>As it is now: a repeated SUBSCRIBE may change its options.</summary>
    public HeldSubscription Subscription { get; set; } = subscription;

    public abstract bool IsOver { get; }

    /// <summary>The retained messages are still to be read from the store, for all cursors.</summary>
    public abstract bool IsWaiting { get; }

    /// <summary>The next message that has not expired.</summary>
    /// <param name="owner">Woken when there is more, if the messages are still to be read from the store.</param>
    /// <param name="looks">How many topics may be looked at; what is left of it afterwards.</param>
    /// <param name="isNewer">It may have come after the subscription, which brought it then.</param>
    /// <returns>False if there is none (<see cref="IsOver"/>), or none yet.</returns>
    public abstract bool TryNext(
        ISessionConnection owner, long now, ref int looks, [NotNullWhen(true)] out Publication? message, out bool isNewer);

    /// <summary>No more is wanted.</summary>
    public abstract void End();
}
