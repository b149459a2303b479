using System.Buffers;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>Valid packets of every type, drawn from a seed.</summary>
internal static class AnyPacket
{
    private static readonly PacketType[] Types = Enum.GetValues<PacketType>();

    public static (byte[] Bytes, MqttVersion Version, Sender Sender) Of(Random random)
    {
        var version = random.Next(2) == 0 ? MqttVersion.V311 : MqttVersion.V5;
        var type = Types[random.Next(version == MqttVersion.V5 ? Types.Length : Types.Length - 1)];
        var sender = type switch
        {
            PacketType.Connect or PacketType.Subscribe or PacketType.Unsubscribe or PacketType.PingReq => Sender.Client,
            PacketType.ConnAck or PacketType.SubAck or PacketType.UnsubAck or PacketType.PingResp => Sender.Server,
            PacketType.Disconnect when version == MqttVersion.V311 => Sender.Client,
            _ => (Sender)random.Next(2),
        };
        return (Wire.Write(output => Write(random, type, version, sender, output)), version, sender);
    }

    public static PropertyBuilder Properties(Random random, PropertyOwner owner, Sender sender)
    {
        var builder = new PropertyBuilder();
        foreach (var id in Enum.GetValues<PropertyId>())
        {
            if (!PropertyRules.Allows(owner, id) || random.Next(2) == 0) continue;
            if (owner == PropertyOwner.Publish && id == PropertyId.SubscriptionIdentifier && sender == Sender.Client) continue;
            if (owner == PropertyOwner.Disconnect && id == (sender == Sender.Server ? PropertyId.SessionExpiryInterval : PropertyId.ServerReference)) continue;
            for (int i = PropertyRules.MayRepeat(owner, id) ? random.Next(1, 4) : 1; i > 0; i--) AddAny(random, builder, id);
        }
        // Data without a method is a protocol error, and AUTH always has one.
        if ((owner == PropertyOwner.Auth || builder.Properties.Has(PropertyId.AuthenticationData)) && !builder.Properties.Has(PropertyId.AuthenticationMethod))
            builder.Add(PropertyId.AuthenticationMethod, "SCRAM-SHA-256");
        return builder;
    }

    public static void AddAny(Random random, PropertyBuilder builder, PropertyId id)
    {
        switch (PropertyRules.KindOf((int)id))
        {
            case PropertyKind.Byte: builder.Add(id, (uint)random.Next(2)); break;
            case PropertyKind.TwoBytes: builder.Add(id, (uint)random.Next(1, 65_536)); break;
            case PropertyKind.FourBytes: builder.Add(id, (uint)random.NextInt64(1, 1L << 32)); break;
            case PropertyKind.VariableByteInteger: builder.Add(id, (uint)random.Next(1, Framing.MaxVariableByteInteger + 1) >> random.Next(28) | 1); break;
            case PropertyKind.Binary: builder.Add(id, Bytes(random, 20)); break;
            case PropertyKind.Utf8: builder.Add(id, Text(random, 1)); break;
            case PropertyKind.Utf8Pair: builder.AddUserProperty(Text(random, 0), Text(random, 0)); break;
        }
    }

    private static void Write(Random random, PacketType type, MqttVersion version, Sender sender, IBufferWriter<byte> output)
    {
        ushort id = (ushort)random.Next(1, 65_536);
        var owner = type is PacketType.PingReq or PacketType.PingResp ? PropertyOwner.Connect : (PropertyOwner)type;
        var builder = version == MqttVersion.V5 ? Properties(random, owner, sender) : new PropertyBuilder();
        var properties = builder.Properties;
        switch (type)
        {
            case PacketType.Connect:
                bool will = random.Next(2) == 0, user = random.Next(2) == 0;
                new ConnectPacket
                {
                    Version = version,
                    CleanStart = random.Next(2) == 0,
                    KeepAlive = (ushort)random.Next(65_536),
                    Properties = properties,
                    ClientId = Encoding.UTF8.GetBytes(Text(random, 1)),
                    HasWill = will,
                    WillQos = will ? (Qos)random.Next(3) : default,
                    WillRetain = will && random.Next(2) == 0,
                    WillProperties = will && version == MqttVersion.V5 ? Properties(random, PropertyOwner.Will, sender).Properties : default,
                    WillTopic = Encoding.UTF8.GetBytes(Text(random, 1)),
                    WillPayload = Bytes(random, 300),
                    HasUserName = user,
                    UserName = Encoding.UTF8.GetBytes(Text(random, 0)),
                    HasPassword = (user || version == MqttVersion.V5) && random.Next(2) == 0,
                    Password = Bytes(random, 20),
                }.WriteTo(output);
                break;
            case PacketType.ConnAck:
                var connect = random.Next(2) == 0 ? ReasonCode.Success : ReasonCode.NotAuthorized;
                new ConnAckPacket { SessionPresent = connect == ReasonCode.Success && random.Next(2) == 0, ReasonCode = connect, Properties = properties }
                    .WriteTo(output, version);
                break;
            case PacketType.Publish:
                var qos = (Qos)random.Next(3);
                new PublishPacket
                {
                    Qos = qos,
                    Duplicate = qos != Qos.AtMostOnce && random.Next(2) == 0,
                    Retain = random.Next(2) == 0,
                    Topic = properties.Has(PropertyId.TopicAlias) && random.Next(2) == 0 ? default : Encoding.UTF8.GetBytes(Text(random, 1)),
                    PacketId = qos == Qos.AtMostOnce ? (ushort)0 : id,
                    Properties = properties,
                    Payload = new ReadOnlySequence<byte>(Bytes(random, random.Next(10) == 0 ? 20_000 : 300)),
                }.WriteTo(output, version);
                break;
            case PacketType.Subscribe:
                var options = Enumerable.Range(0, random.Next(1, 4)).Select(_ => new Subscription(Text(random, 1), (Qos)random.Next(3))
                {
                    NoLocal = version == MqttVersion.V5 && random.Next(2) == 0,
                    RetainAsPublished = version == MqttVersion.V5 && random.Next(2) == 0,
                    RetainHandling = version == MqttVersion.V5 ? (RetainHandling)random.Next(3) : default,
                });
                SubscribePacket.Write(output, version, id, properties, [.. options]);
                break;
            case PacketType.Unsubscribe:
                UnsubscribePacket.Write(output, version, id, properties, [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Text(random, 1))]);
                break;
            case PacketType.SubAck:
                new SubAckPacket { Type = type, PacketId = id, Properties = properties, ReasonCodes = [ReasonCode.GrantedQos1, ReasonCode.UnspecifiedError] }
                    .WriteTo(output, version);
                break;
            case PacketType.UnsubAck:
                new SubAckPacket { Type = type, PacketId = id, Properties = properties, ReasonCodes = [ReasonCode.Success, ReasonCode.NotAuthorized] }
                    .WriteTo(output, version);
                break;
            case PacketType.PingReq: PingPacket.WriteRequestTo(output); break;
            case PacketType.PingResp: PingPacket.WriteResponseTo(output); break;
            case PacketType.Disconnect:
                new DisconnectPacket { ReasonCode = random.Next(2) == 0 ? ReasonCode.Success : ReasonCode.ProtocolError, Properties = properties }.WriteTo(output, version);
                break;
            case PacketType.Auth:
                new AuthPacket { ReasonCode = ReasonCode.ContinueAuthentication, Properties = properties }.WriteTo(output);
                break;
            default:
                var code = type is PacketType.PubAck or PacketType.PubRec ? ReasonCode.NotAuthorized : ReasonCode.PacketIdentifierNotFound;
                new AckPacket { Type = type, PacketId = id, ReasonCode = random.Next(2) == 0 ? ReasonCode.Success : code, Properties = properties }
                    .WriteTo(output, version);
                break;
        }
    }

    private static byte[] Bytes(Random random, int most)
    {
        byte[] bytes = new byte[random.Next(most + 1)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static string Text(Random random, int least)
    {
        string[] letters = ["a", "b", "/", "$", "é", "温", "𪛔", "\uFEFF"];
        return string.Concat(Enumerable.Range(0, random.Next(least, 12)).Select(_ => letters[random.Next(letters.Length)]));
    }
}
