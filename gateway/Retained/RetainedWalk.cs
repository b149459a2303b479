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

    public override bool IsWaiting => !firstReading.IsOver;

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
