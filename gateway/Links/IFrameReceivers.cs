using Fleet.Gateway.Journal;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Links;

// What arrives from other gateways, by who it is for. All of it is called under the link's lock, in order, and must not wait. A position
// says where what persistent sessions are owed is durable.

/// <summary>Messages for the subscribers here, and what other gateways advertise.</summary>
internal interface IForwardedFrames
{
    JournalPosition Receive(LinkFrame.Published frame, LinkMark from);

    void Receive(LinkFrame.Retained frame);

    void Receive(RemoteGateway sender, LinkFrame.Advertised frame);

    void Receive(RemoteGateway sender, LinkFrame.Withdrawn frame);
}

/// <summary>Sessions that pass between gateways.</summary>
internal interface IHandoffFrames
{
    JournalPosition Receive(RemoteGateway sender, LinkFrame.Late frame);

    void Receive(RemoteGateway sender, LinkFrame.SessionStored frame);
}

/// <summary>The sessions of dead gateways.</summary>
internal interface IFailoverFrames
{
    JournalPosition Receive(LinkFrame.Redirected frame, LinkMark from);

    void Receive(RemoteGateway sender, LinkFrame.Successor frame);

    void Receive(RemoteGateway sender, LinkFrame.HandedOver frame);

    void Receive(LinkFrame.FailedOver frame);
}
