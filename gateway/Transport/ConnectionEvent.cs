using Fleet.Gateway.Channels;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Transport;

/// <summary>What comes to a channel from elsewhere than its bytes. Any thread may bring it; the transport gives it a turn.</summary>
internal abstract record ConnectionEvent
{
    private ConnectionEvent() { }

    /// <summary>The answer to <see cref="ChannelEffect.Authorise"/>.</summary>
    public sealed record Decided(ConnectDecision Decision) : ConnectionEvent;

    /// <summary>The session that <see cref="MqttChannel.OpensAt"/> waits for is stored, or cannot be.</summary>
    public sealed record Opened(bool Durable) : ConnectionEvent;

    /// <summary>The answer to an effect with a ticket.</summary>
    public sealed record Completed(AckTicket Ticket, ReasonCode Outcome, string? Detail) : ConnectionEvent;

    /// <summary>The answer to <see cref="ChannelEffect.AwaitRoutes"/>.</summary>
    public sealed record Subscribed(PendingSubscribe Pending) : ConnectionEvent;

    /// <summary>The answer to <see cref="ChannelEffect.Pause"/>.</summary>
    public sealed record Resumed : ConnectionEvent;

    /// <summary>The connection is to end.</summary>
    public sealed record Ending(EndCause Cause) : ConnectionEvent;
}
