using System.Buffers;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>MQTT 5.0 and 3.1.1, 3.10. Enumerate it for the filters (UTF-8): at least one.</summary>
public readonly ref struct UnsubscribePacket
{
    private readonly ReadOnlySpan<byte> _filters;

    private UnsubscribePacket(ushort packetId, Properties properties, ReadOnlySpan<byte> filters)
    {
        PacketId = packetId;
        Properties = properties;
        _filters = filters;
    }

    public ushort PacketId { get; }
    public Properties Properties { get; }

    /// <exception cref="MqttProtocolException">0x81, 0x82.</exception>
    public static UnsubscribePacket Parse(scoped in Packet packet, MqttVersion version)
    {
        packet.Expect(PacketType.Unsubscribe);
        var body = packet.ReadBody();
        ushort packetId = body.ReadPacketId();
        var properties = version == MqttVersion.V5 ? Properties.Read(ref body, PropertyOwner.Unsubscribe) : default;
        if (body.AtEnd) throw Fault.Protocol("UNSUBSCRIBE without a topic filter (3.10.3)");
        var filters = body.ReadRest();
        var reader = new BodyReader(filters);
        while (!reader.AtEnd) reader.ReadUtf8();
        return new UnsubscribePacket(packetId, properties, filters);
    }

    public static void Write(
        IBufferWriter<byte> output, MqttVersion version, ushort packetId, Properties properties, IReadOnlyList<string> filters)
    {
        int length = 2 + PacketWriter.SizeOf(properties, version);
        foreach (string filter in filters) length += 2 + Encoding.UTF8.GetByteCount(filter);
        var writer = new PacketWriter(output, PacketWriter.Header(PacketType.Unsubscribe, 2), length);
        writer.WriteUInt16(packetId);
        writer.WriteProperties(properties, version);
        foreach (string filter in filters) writer.WriteString(filter);
        writer.Finish();
    }

    public Enumerator GetEnumerator() => new(_filters);

    public ref struct Enumerator
    {
        private BodyReader _reader;

        internal Enumerator(ReadOnlySpan<byte> filters)
        {
            _reader = new BodyReader(filters);
            Current = default;
        }

        public ReadOnlySpan<byte> Current { get; private set; }

        public bool MoveNext()
        {
            if (_reader.AtEnd) return false;
            Current = _reader.ReadBinary();
            return true;
        }
    }
}
