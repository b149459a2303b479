using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Cluster;

/// <summary>What other gateways say about dead ones: to their successor, and as it.</summary>
internal sealed class FailoverFrames(SessionFailover failover, DeadGateways deadGateways) : IFailoverFrames
{
    public long Receive(LinkFrame.Redirected frame, LinkMark from) => failover.Deliver(frame, from);

    public void Receive(RemoteGateway sender, LinkFrame.Successor frame) => deadGateways.Receive(sender, frame);

    public void Receive(RemoteGateway sender, LinkFrame.HandedOver frame) => failover.Receive(sender, frame);

    public void Receive(LinkFrame.FailedOver frame) => deadGateways.Complete(frame.Dead);
}
