using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>MQTT 5.0 and 3.1.1, 3.1.</summary>
public readonly ref struct ConnectPacket
{
    private const int CleanStartFlag = 0x02, WillFlag = 0x04, WillRetainFlag = 0x20, PasswordFlag = 0x40, UserNameFlag = 0x80;

    public ConnectPacket()
    {
    }

    public MqttVersion Version { get; init; } = MqttVersion.V5;
    public bool CleanStart { get; init; }

    /// <summary>Seconds; 0 turns keep-alive off.</summary>
    public ushort KeepAlive { get; init; }

    public Properties Properties { get; init; }
    public ReadOnlySpan<byte> ClientId { get; init; }
    public bool HasWill { get; init; }
    public Qos WillQos { get; init; }
    public bool WillRetain { get; init; }
    public Properties WillProperties { get; init; }
    public ReadOnlySpan<byte> WillTopic { get; init; }
    public ReadOnlySpan<byte> WillPayload { get; init; }
    public bool HasUserName { get; init; }
    public ReadOnlySpan<byte> UserName { get; init; }
    public bool HasPassword { get; init; }
    public ReadOnlySpan<byte> Password { get; init; }

    /// <summary>
    /// The protocol level a CONNECT asks for, whatever else is wrong with it, so that a refusal can be written in the client's own
    /// version; null if it is not MQTT at all.
    /// </summary>
    public static byte? PeekProtocolLevel(scoped in Packet packet)
    {
        if (packet.Type != PacketType.Connect || packet.Body.Length < 7) return null;
        var front = packet.Front(7);
        return front.StartsWith("\0\u0004MQTT"u8) ? front[6] : null;
    }

    /// <summary>
    /// The Maximum Packet Size of a CONNECT of 5.0, as far as it can be read before what is wrong with it; null if there is none.
    /// </summary>
    public static uint? PeekMaximumPacketSize(scoped in Packet packet)
    {
        const int VariableHeaderBytes = 10;
        try
        {
            var body = packet.ReadBody();
            body.ReadBytes(VariableHeaderBytes);
            int length = body.ReadVariableByteInteger();
            var rest = body.ReadRest();
            for (var properties = new BodyReader(rest[..Math.Min(length, rest.Length)]); !properties.AtEnd;)
            {
                if (Properties.ReadOne(ref properties) is { Id: PropertyId.MaximumPacketSize, Number: > 0 } property)
                    return property.Number;
            }
        }
        catch (MqttProtocolException)
        {
            // This is what is wrong; what comes after it means nothing.
        }
        return null;
    }

    /// <exception cref="MqttProtocolException">
    /// 0x81, 0x82; 0x84 for a protocol name or level that is neither 3.1.1 nor 5.0; 0x85 for an empty client identifier with clean
    /// session 0 in 3.1.1.
    /// </exception>
    public static ConnectPacket Parse(scoped in Packet packet)
    {
        packet.Expect(PacketType.Connect);
        var body = packet.ReadBody();
        if (!body.ReadUtf8().SequenceEqual("MQTT"u8))
            throw new MqttProtocolException(ReasonCode.UnsupportedProtocolVersion, "The protocol name is not MQTT (3.1.2.1).");
        var version = (MqttVersion)body.ReadByte();
        if (version is not (MqttVersion.V311 or MqttVersion.V5))
            throw new MqttProtocolException(
                ReasonCode.UnsupportedProtocolVersion, $"Protocol level {(int)version} is neither 4 nor 5 (3.1.2.2).");

        int flags = body.ReadByte();
        bool hasWill = (flags & WillFlag) != 0, hasUserName = (flags & UserNameFlag) != 0, hasPassword = (flags & PasswordFlag) != 0;
        var willQos = (Qos)((flags >> 3) & 3);
        if ((flags & 1) != 0) throw Fault.Malformed("the reserved flag of CONNECT is set (3.1.2.3)");
        if ((int)willQos == 3) throw Fault.Malformed("will QoS 3 (3.1.2.6)");
        if (!hasWill && (willQos != 0 || (flags & WillRetainFlag) != 0))
            throw Fault.Malformed("will QoS or will retain without a will (3.1.2.6)");
        if (version == MqttVersion.V311 && hasPassword && !hasUserName)
            throw Fault.Malformed("a password without a user name (3.1.1, 3.1.2.9)");

        ushort keepAlive = body.ReadUInt16();
        var properties = version == MqttVersion.V5 ? Properties.Read(ref body, PropertyOwner.Connect) : default;
        var clientId = body.ReadUtf8();
        bool cleanStart = (flags & CleanStartFlag) != 0;
        Properties willProperties = default;
        ReadOnlySpan<byte> willTopic = default, willPayload = default, userName = default, password = default;
        if (hasWill)
        {
            if (version == MqttVersion.V5) willProperties = Properties.Read(ref body, PropertyOwner.Will);
            willTopic = body.ReadUtf8();
            if (!TopicName.IsValid(willTopic)) throw Fault.Malformed("the will topic is empty or holds wildcards (4.7)");
            willPayload = body.ReadBinary();
        }
        if (hasUserName) userName = body.ReadUtf8();
        if (hasPassword) password = body.ReadBinary();
        body.ExpectEnd();
        if (version == MqttVersion.V311 && clientId.IsEmpty && !cleanStart)
            throw new MqttProtocolException(
                ReasonCode.ClientIdentifierNotValid, "An empty client identifier needs clean session 1 (3.1.1, 3.1.3.1).");

        return new ConnectPacket
        {
            Version = version,
            CleanStart = cleanStart,
            KeepAlive = keepAlive,
            Properties = properties,
            ClientId = clientId,
            HasWill = hasWill,
            WillQos = willQos,
            WillRetain = (flags & WillRetainFlag) != 0,
            WillProperties = willProperties,
            WillTopic = willTopic,
            WillPayload = willPayload,
            HasUserName = hasUserName,
            UserName = userName,
            HasPassword = hasPassword,
            Password = password,
        };
    }

    public void WriteTo(IBufferWriter<byte> output)
    {
        int flags = (CleanStart ? CleanStartFlag : 0) | (HasUserName ? UserNameFlag : 0) | (HasPassword ? PasswordFlag : 0);
        int length = 10 + PacketWriter.SizeOf(Properties, Version) + 2 + ClientId.Length;
        if (HasWill)
        {
            flags |= WillFlag | ((int)WillQos << 3) | (WillRetain ? WillRetainFlag : 0);
            length += PacketWriter.SizeOf(WillProperties, Version) + 2 + WillTopic.Length + 2 + WillPayload.Length;
        }
        if (HasUserName) length += 2 + UserName.Length;
        if (HasPassword) length += 2 + Password.Length;

        var writer = new PacketWriter(output, PacketWriter.Header(PacketType.Connect), length);
        writer.WriteBinary("MQTT"u8);
        writer.WriteByte((byte)Version);
        writer.WriteByte((byte)flags);
        writer.WriteUInt16(KeepAlive);
        writer.WriteProperties(Properties, Version);
        writer.WriteBinary(ClientId);
        if (HasWill)
        {
            writer.WriteProperties(WillProperties, Version);
            writer.WriteBinary(WillTopic);
            writer.WriteBinary(WillPayload);
        }
        if (HasUserName) writer.WriteBinary(UserName);
        if (HasPassword) writer.WriteBinary(Password);
        writer.Finish();
    }
}
