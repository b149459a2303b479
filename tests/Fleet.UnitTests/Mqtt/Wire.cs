using System.Buffers;
using System.Globalization;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>Bytes as tests write them, and everything a packet says as text, so that two parses can be compared.</summary>
internal static class Wire
{
    public const int MaxPacketBytes = 1024 * 1024;

    public static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    public static byte[] Write(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return output.WrittenSpan.ToArray();
    }

    public static Packet Cut(byte[] bytes)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        Assert.True(Framing.TryRead(ref buffer, MaxPacketBytes, out var packet), "more bytes are needed");
        Assert.True(buffer.IsEmpty, "bytes are left over");
        return packet;
    }

    /// <summary>The same bytes in the given pieces.</summary>
    public static ReadOnlySequence<byte> Split(byte[] bytes, params int[] cuts)
    {
        Piece? first = null, last = null;
        int from = 0;
        foreach (int to in cuts.Append(bytes.Length))
        {
            var piece = new Piece(bytes.AsMemory(from, to - from), last);
            first ??= piece;
            last = piece;
            from = to;
        }
        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    /// <summary>Parses the packet and reads every field and property, once and in order.</summary>
    public static string Describe(scoped in Packet packet, MqttVersion version, Sender sender)
    {
        var text = new StringBuilder().Append(packet.Type).Append(' ').Append(packet.Header & 15).Append(' ');
        switch (packet.Type)
        {
            case PacketType.Connect:
                var connect = ConnectPacket.Parse(packet);
                text.Append(CultureInfo.InvariantCulture, $"{connect.Version} clean={connect.CleanStart} keepAlive={connect.KeepAlive} ");
                Append(text, "id", connect.ClientId);
                Append(text, connect.Properties);
                text.Append(CultureInfo.InvariantCulture, $"will={connect.HasWill},{connect.WillQos},{connect.WillRetain} ");
                Append(text, "topic", connect.WillTopic);
                Append(text, "payload", connect.WillPayload);
                Append(text, connect.WillProperties);
                Append(text, connect.HasUserName ? "user" : "none", connect.UserName);
                Append(text, connect.HasPassword ? "password" : "none", connect.Password);
                break;
            case PacketType.ConnAck:
                var connack = ConnAckPacket.Parse(packet, version);
                text.Append(CultureInfo.InvariantCulture, $"present={connack.SessionPresent} {connack.ReasonCode} ");
                Append(text, connack.Properties);
                break;
            case PacketType.Publish:
                var publish = PublishPacket.Parse(packet, version, sender);
                text.Append(CultureInfo.InvariantCulture, $"{publish.Qos} dup={publish.Duplicate} retain={publish.Retain} id={publish.PacketId} ");
                Append(text, "topic", publish.Topic);
                Append(text, publish.Properties);
                Append(text, "payload", publish.Payload.ToArray());
                break;
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                var ack = AckPacket.Parse(packet, version);
                text.Append(CultureInfo.InvariantCulture, $"id={ack.PacketId} {ack.ReasonCode} ");
                Append(text, ack.Properties);
                break;
            case PacketType.Subscribe:
                var subscribe = SubscribePacket.Parse(packet, version);
                text.Append(CultureInfo.InvariantCulture, $"id={subscribe.PacketId} ");
                Append(text, subscribe.Properties);
                foreach (var entry in subscribe)
                {
                    Append(text, "filter", entry.Filter);
                    text.Append(entry.Options).Append(' ').Append(TopicFilter.IsValid(entry.Filter)).Append(' ');
                }
                break;
            case PacketType.SubAck or PacketType.UnsubAck:
                var suback = SubAckPacket.Parse(packet, version);
                text.Append(CultureInfo.InvariantCulture, $"id={suback.PacketId} ");
                Append(text, suback.Properties);
                foreach (var code in suback.ReasonCodes) text.Append(code).Append(' ');
                break;
            case PacketType.Unsubscribe:
                var unsubscribe = UnsubscribePacket.Parse(packet, version);
                text.Append(CultureInfo.InvariantCulture, $"id={unsubscribe.PacketId} ");
                Append(text, unsubscribe.Properties);
                foreach (var filter in unsubscribe) Append(text, "filter", filter);
                break;
            case PacketType.Disconnect:
                var disconnect = DisconnectPacket.Parse(packet, version, sender);
                text.Append(disconnect.ReasonCode).Append(' ');
                Append(text, disconnect.Properties);
                break;
            case PacketType.Auth:
                var auth = AuthPacket.Parse(packet);
                text.Append(auth.ReasonCode).Append(' ');
                Append(text, auth.Properties);
                break;
        }
        return text.ToString();
    }

    /// <summary>Parses the packet and writes it again.</summary>
    public static byte[] Rewrite(byte[] bytes, MqttVersion version, Sender sender)
    {
        var output = new ArrayBufferWriter<byte>();
        var packet = Cut(bytes);
        switch (packet.Type)
        {
            case PacketType.Connect: ConnectPacket.Parse(packet).WriteTo(output); break;
            case PacketType.ConnAck: ConnAckPacket.Parse(packet, version).WriteTo(output, version); break;
            case PacketType.Publish: PublishPacket.Parse(packet, version, sender).WriteTo(output, version); break;
            case PacketType.Subscribe:
                var subscribe = SubscribePacket.Parse(packet, version);
                var subscriptions = new List<Subscription>();
                foreach (var entry in subscribe)
                {
                    subscriptions.Add(new(Encoding.UTF8.GetString(entry.Filter), entry.Options.Qos)
                    {
                        NoLocal = entry.Options.NoLocal,
                        RetainAsPublished = entry.Options.RetainAsPublished,
                        RetainHandling = entry.Options.RetainHandling,
                    });
                }
                SubscribePacket.Write(output, version, subscribe.PacketId, subscribe.Properties, subscriptions);
                break;
            case PacketType.SubAck or PacketType.UnsubAck: SubAckPacket.Parse(packet, version).WriteTo(output, version); break;
            case PacketType.Unsubscribe:
                var unsubscribe = UnsubscribePacket.Parse(packet, version);
                var filters = new List<string>();
                foreach (var filter in unsubscribe) filters.Add(Encoding.UTF8.GetString(filter));
                UnsubscribePacket.Write(output, version, unsubscribe.PacketId, unsubscribe.Properties, filters);
                break;
            case PacketType.Disconnect: DisconnectPacket.Parse(packet, version, sender).WriteTo(output, version); break;
            case PacketType.Auth: AuthPacket.Parse(packet).WriteTo(output); break;
            case PacketType.PingReq: PingPacket.WriteRequestTo(output); break;
            case PacketType.PingResp: PingPacket.WriteResponseTo(output); break;
            default: AckPacket.Parse(packet, version).WriteTo(output, version); break;
        }
        return output.WrittenSpan.ToArray();
    }

    private static void Append(StringBuilder text, string name, ReadOnlySpan<byte> bytes) =>
        text.Append(name).Append('=').Append(Convert.ToHexString(bytes)).Append(' ');

    private static void Append(StringBuilder text, Properties properties)
    {
        text.Append('[');
        foreach (var property in properties)
        {
            text.Append(property.Id).Append(':').Append(property.Number).Append(' ');
            Append(text, "name", property.Name);
            Append(text, "value", property.Value);
        }
        text.Append("] ");
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? before)
        {
            Memory = memory;
            if (before is null) return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
