using System.Buffers;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Topics;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>Where a channel writes. The transport sends it on after the turn, in one piece.</summary>
internal interface IOutbound : IBufferWriter<byte>
{
    /// <summary>False once so much waits for the network that messages had better stay in the session's queue.</summary>
    bool HasRoom { get; }
}

/// <summary>
/// What one turn of a channel reads (the time) and leaves behind (replies and effects). Reused from turn to turn: of one connection, or of all that
/// have their turns on one thread.
/// </summary>
internal sealed class ChannelTurn
{
    public IOutbound Output { get; private set; } = null!;

    /// <summary>Monotonic milliseconds.</summary>
    public long Now { get; private set; }

    /// <summary>The same instant as a <see cref="TimeProvider"/> timestamp, for durations finer than that.</summary>
    public long Timestamp { get; private set; }

    /// <summary>What must wait; its answers come back as events.</summary>
    public List<ChannelEffect> Effects { get; } = [];

    /// <summary>When the messages that were acknowledged in this turn had arrived, as timestamps.</summary>
    public List<long> Acknowledged { get; } = [];

    public ChannelTurn Begin(IOutbound output, long now, long timestamp)
    {
        Output = output;
        Now = now;
        Timestamp = timestamp;
        Effects.Clear();
        Acknowledged.Clear();
        return this;
    }
}

/// <summary>What a channel asks for and does not wait for.</summary>
internal abstract record ChannelEffect
{
    private ChannelEffect() { }

    /// <summary>Who is this, and may they connect? Answered by <see cref="MqttChannel.Decided"/>; nothing is read until then.</summary>
    public sealed record Authorise(ConnectRequest Request) : ChannelEffect;

    /// <summary>A request to a reserved topic. Answered by <see cref="MqttChannel.Completed"/> when it has a ticket.</summary>
    public sealed record Handle(ReservedRequest Request, AckTicket? Ticket) : ChannelEffect;

    /// <summary>Other gateways are being told of new subscriptions. Answered by <see cref="MqttChannel.Subscribed"/>.</summary>
    public sealed record AwaitRoutes(Task Known, PendingSubscribe Pending) : ChannelEffect;

    /// <summary>The client publishes too fast: nothing is read for so long. Answered by <see cref="MqttChannel.Resume"/>.</summary>
    public sealed record Pause(int Milliseconds) : ChannelEffect;

    /// <summary>A message is on its way to the store, or to another gateway. Answered by <see cref="MqttChannel.Completed"/> when it has a ticket.</summary>
    public sealed record AwaitDurable(Task Durable, AckTicket? Ticket) : ChannelEffect;
}

/// <summary>What CONNECT says about who connects; copies, free of the packet.</summary>
internal sealed record ConnectRequest
{
    public required MqttVersion Version { get; init; }

    /// <summary>Empty asks for one to be assigned.</summary>
    public required string ClientId { get; init; }
    public required string? UserName { get; init; }
    public required ReadOnlyMemory<byte>? Password { get; init; }
    public required bool CleanStart { get; init; }
    public required ushort KeepAliveSeconds { get; init; }

    /// <summary>As asked for; 0xFFFFFFFF: for ever.</summary>
    public required uint SessionExpirySeconds { get; init; }
    public required int ReceiveMaximum { get; init; }

    /// <summary>Topic aliases that the client lets this side set.</summary>
    public int TopicAliasMaximum { get; init; }
    public required Will? Will { get; init; }
}

/// <summary>The answer to <see cref="ChannelEffect.Authorise"/>.</summary>
internal abstract record ConnectDecision
{
    private ConnectDecision() { }

    public sealed record Accepted(SessionIdentity Identity) : ConnectDecision;

    /// <param name="Detail">For the operator's log and the reason string.</param>
    public sealed record Refused(ReasonCode Code, string Detail) : ConnectDecision;
}
