using System.Buffers;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.SimulationTests.Gateways;

/// <summary>What a client of MQTT 5.0 writes.</summary>
internal static class ClientPackets
{
    private const MqttVersion Version = MqttVersion.V5;

    public static byte[] Connect(SimulatedClient client, bool cleanStart, string? will)
    {
        var properties = new PropertyBuilder().Add(PropertyId.ReceiveMaximum, client.ReceiveMaximum);
        if (client.ExpirySeconds > 0) properties.Add(PropertyId.SessionExpiryInterval, client.ExpirySeconds);
        var willProperties = new PropertyBuilder();
        if (client.WillDelaySeconds > 0) willProperties.Add(PropertyId.WillDelayInterval, client.WillDelaySeconds);
        var output = new ArrayBufferWriter<byte>();
        new ConnectPacket
        {
            CleanStart = cleanStart,
            KeepAlive = SimulatedClient.KeepAliveSeconds,
            Properties = properties.Properties,
            ClientId = Encoding.UTF8.GetBytes(client.Id),
            HasWill = will is not null,
            WillQos = will is null ? default : Qos.AtLeastOnce,
            WillProperties = willProperties.Properties,
            WillTopic = will is null ? default : Encoding.UTF8.GetBytes(Topics.Wills),
            WillPayload = will is null ? default : Encoding.UTF8.GetBytes(will),
        }.WriteTo(output);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Publish(SimulatedMessage message, ushort packetId, bool isRepeat)
    {
        var output = new ArrayBufferWriter<byte>();
        new PublishPacket
        {
            Duplicate = isRepeat,
            Qos = message.Qos,
            Retain = message.IsRetained,
            Topic = Encoding.UTF8.GetBytes(message.Topic),
            PacketId = packetId,
            Payload = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(message.Payload)),
        }.WriteTo(output, Version);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Ack(PacketType type, ushort packetId)
    {
        var output = new ArrayBufferWriter<byte>();
        new AckPacket { Type = type, PacketId = packetId }.WriteTo(output, Version);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Subscribe(ushort packetId, IEnumerable<(string Filter, Qos Qos)> filters)
    {
        var output = new ArrayBufferWriter<byte>();
        SubscribePacket.Write(
            output, Version, packetId, new PropertyBuilder().Properties,
            [.. filters.Select(filter => new Subscription(filter.Filter, filter.Qos))]);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Disconnect()
    {
        var output = new ArrayBufferWriter<byte>();
        new DisconnectPacket().WriteTo(output, Version);
        return output.WrittenSpan.ToArray();
    }

    public static byte[] Ping => [(byte)PacketType.PingReq << 4, 0];
}

/// <summary>What clients publish to. Each topic has one QoS, so that each publisher's messages have an order.</summary>
internal static class Topics
{
    public const string Wills = "wills", Shared = "shared/2", SharedFilter = "$share/group/shared/2";

    public static readonly string[] Plain = ["0/a", "1/a", "1/b", "2/a", "2/b"];
    public static readonly string[] Retained = ["retained/a", "retained/b", "retained/c"];

    public static Qos QosOf(string topic) => topic[0] switch { '0' => Qos.AtMostOnce, '1' or 'r' => Qos.AtLeastOnce, _ => Qos.ExactlyOnce };
}
