using System.Buffers;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>Where a channel writes. The transport sends it on after the turn, in one piece.</summary>
internal interface IOutbound : IBufferWriter<byte>
{
    /// <summary>False once so much waits for the network that messages had better stay in the session's queue.</summary>
    bool HasRoom { get; }
}

/// <summary>
/// What one turn of a channel reads (the time) and leaves behind (replies and effects). Reused from turn to turn: of one connection, or of
/// all that have their turns on one thread.
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

    /// <summary>
    /// A message is on its way to the store, or to another gateway. Answered by <see cref="MqttChannel.Completed"/> when it has a ticket.
    /// </summary>
    public sealed record AwaitDurable(Task Durable, AckTicket? Ticket) : ChannelEffect;
}
