using System.Diagnostics.CodeAnalysis;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Retained;

/// <summary>A subscription's cursor over the retained messages as they are when it comes to them.</summary>
/// <param name="since">Messages of a higher sequence may have reached the subscription as they were published.</param>
internal sealed class RetainedWalk(
    RetainedTree<RetainedPublication> tree, FirstReading firstReading, HeldSubscription subscription, long since)
    : RetainedCursor(subscription)
{
    private readonly TopicWalk<RetainedPublication> _walk = tree.Walk(subscription.Filter);

    public override bool IsOver => _walk.IsOver;

    public override bool TryNext(
        ISessionConnection owner, long now, ref int looks, [NotNullWhen(true)] out Publication? message, out bool isNewer)
    {
        (message, isNewer) = (null, false);
        if (!firstReading.IsOverFor(owner)) return false;
        while (tree.TryNext(_walk, ref looks, out var next))
        {
            if (next.IsExpired(now)) continue;
            (message, isNewer) = (next, next.Sequence > since);
            return true;
        }
        return false;
    }

    public override void End() => tree.End(_walk);
}

/// <summary>
/// The gateway serves while what was kept is still being read; connections whose subscriptions wait for it are woken when it is there.
/// </summary>
internal sealed class FirstReading
{
    private readonly Lock _gate = new();
    private HashSet<ISessionConnection>? _waiting = [];

    public bool IsOver => Volatile.Read(ref _waiting) is null;

    /// <returns>False if it is not; then the owner is woken when it is.</returns>
    public bool IsOverFor(ISessionConnection owner)
    {
        if (IsOver) return true;
        lock (_gate)
        {
            _waiting?.Add(owner);
            return IsOver;
        }
    }

    public void End()
    {
        HashSet<ISessionConnection>? waiting;
        lock (_gate)
        {
            waiting = _waiting;
            Volatile.Write(ref _waiting, null);
        }
        foreach (var owner in waiting ?? []) owner.Wake();
    }
}
