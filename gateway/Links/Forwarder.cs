using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Links;

/// <summary>Sends messages on to the gateways whose subscribers want them: once to each, whatever number of its filters match.</summary>
internal sealed class Forwarder(Peers peers, GatewayClock clock, GatewayMetrics metrics)
{
    [ThreadStatic] private static List<Target>? t_targets;

    /// <summary>Takes the other gateways out of <paramref name="matches"/> and posts the message to them.</summary>
    /// <returns>
    /// Completes when each of them has it, or is dead; at once for QoS 0, of which what finds a link full is dropped. Null: a link
    /// is full, and none of them gets it; the publisher must not be told that all is well.
    /// </returns>
    public Task? Forward(Publication message, List<SubscriptionMatch<Subscriber>> matches)
    {
        var targets = TakeTargets(matches);
        return targets.Count == 0 ? Task.CompletedTask : PostToAllOrNone(message, targets);
    }

    /// <summary>
    /// As <see cref="Forward"/>, of a message that nobody would send again: a full link has a reserve for it. If that is full too, its
    /// gateway does not get it, and all others do.
    /// </summary>
    public Task ForwardToEach(Publication message, List<SubscriptionMatch<Subscriber>> matches)
    {
        var targets = TakeTargets(matches);
        return targets.Count == 0 ? Task.CompletedTask : Post(message, targets, LinkBound.Reserve);
    }

    private static List<Target> TakeTargets(List<SubscriptionMatch<Subscriber>> matches)
    {
        var targets = t_targets ??= [];
        targets.Clear();
        int kept = 0;
        for (int i = 0; i < matches.Count; i++)
        {
            switch (matches[i].Subscriber)
            {
                case RemoteGateway gateway: Add(targets, gateway, null); break;
                case RemoteShare share: Add(targets, share.Gateway, share.Filter); break;
                default: matches[kept++] = matches[i]; break;
            }
        }
        matches.RemoveRange(kept, matches.Count - kept);
        return targets;
    }

    private Task? PostToAllOrNone(Publication message, List<Target> targets)
    {
        int bytes = BytesOf(message);
        // All or none: what some had already would come to them twice, when the publisher tries again.
        if (message.Qos != Qos.AtMostOnce && targets.Exists(target => !target.Gateway.Link.HasRoom(bytes, LinkBound.Ordinary)))
        {
            metrics.Dropped(DropReason.QueueFull);
            targets.Clear();
            return null;
        }
        return Post(message, targets, LinkBound.None);
    }

    /// <param name="bound">Of a message of QoS 1 or 2.</param>
    private Task Post(Publication message, List<Target> targets, LinkBound bound)
    {
        bool receipt = message.Qos != Qos.AtMostOnce;
        if (!receipt) bound = LinkBound.Ordinary;
        int bytes = BytesOf(message);
        // One that came from another gateway keeps its number.
        message.Number ??= peers.NextMessageNumber();
        var copy = PeerMessages.Of(message, clock.NowMs);
        var taken = Task.CompletedTask;
        // A successor's frame is for the sessions of its dead as well, from when it was handed what waited for them. It goes first,
        // and says so.
        ImmutableArray<string> toAllOf = [];
        var ordered = targets.Exists(target => target.Gateway.Link.IsDead) ? SuccessorsFirst(targets) : targets;
        foreach (var (gateway, toAll, shares) in ordered)
        {
            bool isCovered = toAll && toAllOf.Contains(gateway.Id);
            if (isCovered && shares.IsEmpty) continue;
            var frame = new LinkFrame.Published(copy, toAll && !isCovered, shares);
            if (gateway.Link.Forward(frame, bytes, receipt, bound, out var covered) is not { } posted)
            {
                metrics.Dropped(DropReason.QueueFull);
                continue;
            }
            if (toAll && !isCovered) toAllOf = toAllOf.AddRange(covered);
            if (!posted.IsCompleted) taken = taken.IsCompleted ? posted : Task.WhenAll(taken, posted);
            metrics.Forwarded();
        }
        targets.Clear();
        return taken;
    }

    /// <summary>Those who live, whose dead may still grow in number; then the dead, successors before those whose they are.</summary>
    private static List<Target> SuccessorsFirst(List<Target> targets) =>
        [.. targets.OrderBy(target => target.Gateway.Link.IsDead).ThenByDescending(target => target.Gateway.Link.Covers.Length)];

    private static int BytesOf(Publication message) => message.Topic.Length + message.Payload.Length;

    private static void Add(List<Target> targets, RemoteGateway gateway, string? share)
    {
        int at = targets.FindIndex(target => target.Gateway == gateway);
        if (at < 0)
        {
            targets.Add(new Target(gateway, share is null, share is null ? [] : [share]));
            return;
        }
        var target = targets[at];
        targets[at] = share is null ? target with { ToAll = true } : target with { Shares = target.Shares.Add(share) };
    }

    private readonly record struct Target(RemoteGateway Gateway, bool ToAll, ImmutableArray<string> Shares);
}
