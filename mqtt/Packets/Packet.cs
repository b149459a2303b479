using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>
/// One control packet, cut but not yet understood. Borrows the buffer it was cut from: use it before the buffer is advanced.
/// </summary>
public readonly ref struct Packet
{
    private readonly PacketScratch? _scratch;

    internal Packet(byte header, ReadOnlySequence<byte> body, PacketScratch? scratch)
    {
        Header = header;
        Body = body;
        _scratch = scratch;
    }

    public byte Header { get; }

    /// <summary>What follows the fixed header.</summary>
    public ReadOnlySequence<byte> Body { get; }

    public PacketType Type => (PacketType)(Header >> 4);

    /// <summary>Refuses what this side may not send at all: CONNACK from a client, AUTH in 3.1.1… MQTT 5.0, 2.1.2.</summary>
    /// <exception cref="MqttProtocolException">0x82.</exception>
    public void DemandSentBy(Sender sender, MqttVersion version)
    {
        // Both sides send the PUBLISH family; AUTH and DISCONNECT go both ways in 5.0 only.
        bool allowed = Type switch
        {
            PacketType.Connect or PacketType.Subscribe or PacketType.Unsubscribe or PacketType.PingReq => sender == Sender.Client,
            PacketType.ConnAck or PacketType.SubAck or PacketType.UnsubAck or PacketType.PingResp => sender == Sender.Server,
            PacketType.Disconnect => sender == Sender.Client || version == MqttVersion.V5,
            PacketType.Auth => version == MqttVersion.V5,
            _ => true,
        };
        if (!allowed) throw Fault.Protocol($"a {Type} packet does not go this way (2.1.2)");
    }

    internal BodyReader ReadBody() => new(Contiguous(Body));

    /// <summary>The first bytes of the body in one piece.</summary>
    internal ReadOnlySpan<byte> Front(long length) => Contiguous(Body.Slice(0, length));

    internal void Expect(PacketType type)
    {
        if (Type != type) throw new ArgumentException($"A {Type} packet was parsed as {type}.");
    }

    private ReadOnlySpan<byte> Contiguous(ReadOnlySequence<byte> bytes) =>
        bytes.IsSingleSegment ? bytes.FirstSpan
        : _scratch is null ? bytes.ToArray()
        : _scratch.Join(bytes);
}
