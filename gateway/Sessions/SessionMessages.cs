namespace Fleet.Gateway.Sessions;

/// <summary>What a session takes along to another gateway, beside its subscriptions.</summary>
/// <param name="InFlight">In the order they were sent.</param>
/// <param name="LastPacketId">The packet identifier that was used last.</param>
/// <param name="Unreleased">Packet identifiers of QoS 2 messages from the client that it has not released.</param>
/// <param name="Known">Numbers of messages that it has had, whether or not they are among these.</param>
internal sealed record SessionMessages(
    SentMessage[] InFlight, Delivery[] Queued, ushort LastPacketId, ushort[] Unreleased, long[] Known);
