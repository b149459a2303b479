using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Retained;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Routing;

/// <summary>What other gateways have for the broker.</summary>
internal sealed class ForwardedFrames(Broker broker, RetainedMessages retained, GatewayClock clock) : IForwardedFrames
{
    public JournalPosition Receive(LinkFrame.Published frame, LinkMark from) =>
        broker.DeliverForwarded(PeerMessages.ToPublication(frame.Message, clock.NowMs), frame.ToAll, frame.Shares, from);

    public void Receive(LinkFrame.Retained frame) =>
        retained.Apply(PeerMessages.ToPublication(frame.Message, clock.NowMs), frame.Version, frame.ExpiresAt, frame.Principal);

    public void Receive(RemoteGateway sender, LinkFrame.Advertised frame)
    {
        foreach (string filter in frame.Filters) broker.Advertise(sender, TopicFilter.Parse(filter));
    }

    public void Receive(RemoteGateway sender, LinkFrame.Withdrawn frame) => broker.Withdraw(sender, TopicFilter.Parse(frame.Filter));
}
