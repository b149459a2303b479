using System.Buffers;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>MQTT 5.0 and 3.1.1, 3.8. Enumerate it for what is asked: at least one filter.</summary>
public readonly ref struct SubscribePacket
{
    private readonly ReadOnlySpan<byte> _entries;
    private readonly MqttVersion _version;

    private SubscribePacket(ushort packetId, Properties properties, ReadOnlySpan<byte> entries, MqttVersion version)
    {
        PacketId = packetId;
        Properties = properties;
        _entries = entries;
        _version = version;
    }

    public ushort PacketId { get; }
    public Properties Properties { get; }

    /// <summary>
    /// A filter that is UTF-8 but no topic filter passes: the answer is a reason code of its own in SUBACK, not the end of the connection.
    /// </summary>
    /// <exception cref="MqttProtocolException">0x81, 0x82.</exception>
    public static SubscribePacket Parse(scoped in Packet packet, MqttVersion version)
    {
        packet.Expect(PacketType.Subscribe);
        var body = packet.ReadBody();
        ushort packetId = body.ReadPacketId();
        var properties = version == MqttVersion.V5 ? Properties.Read(ref body, PropertyOwner.Subscribe) : default;
        if (body.AtEnd) throw Fault.Protocol("SUBSCRIBE without a topic filter (3.8.3)");
        var entries = body.ReadRest();
        var reader = new BodyReader(entries);
        while (!reader.AtEnd)
        {
            var filter = reader.ReadUtf8();
            var options = SubscriptionOptions.Parse(reader.ReadByte(), version);
            if (options.NoLocal && filter.StartsWith(TopicFilter.SharePrefix))
                throw Fault.Protocol("No Local on a shared subscription (3.8.3.1)");
        }
        return new SubscribePacket(packetId, properties, entries, version);
    }

    public static void Write(
        IBufferWriter<byte> output, MqttVersion version, ushort packetId, Properties properties, IReadOnlyList<Subscription> subscriptions)
    {
        int length = 2 + PacketWriter.SizeOf(properties, version);
        foreach (var subscription in subscriptions) length += 3 + Encoding.UTF8.GetByteCount(subscription.Filter);
        var writer = new PacketWriter(output, PacketWriter.Header(PacketType.Subscribe, 2), length);
        writer.WriteUInt16(packetId);
        writer.WriteProperties(properties, version);
        foreach (var subscription in subscriptions)
        {
            writer.WriteString(subscription.Filter);
            writer.WriteByte(subscription.Options.ToByte(version));
        }
        writer.Finish();
    }

    public Enumerator GetEnumerator() => new(_entries, _version);

    /// <summary>One entry: a filter as it came (UTF-8, not yet known to be a topic filter) and its options.</summary>
    public readonly ref struct Entry
    {
        public ReadOnlySpan<byte> Filter { get; init; }
        public SubscriptionOptions Options { get; init; }
    }

    public ref struct Enumerator
    {
        private readonly MqttVersion _version;
        private BodyReader _reader;

        internal Enumerator(ReadOnlySpan<byte> entries, MqttVersion version)
        {
            _reader = new BodyReader(entries);
            _version = version;
            Current = default;
        }

        public Entry Current { get; private set; }

        public bool MoveNext()
        {
            if (_reader.AtEnd) return false;
            Current = new Entry { Filter = _reader.ReadBinary(), Options = SubscriptionOptions.Parse(_reader.ReadByte(), _version) };
            return true;
        }
    }
}
