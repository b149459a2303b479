using System.Buffers;
using System.Text;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>From CONNECT to CONNACK: what the client asks for, and what it gets. MQTT 5.0, 3.1 and 3.2.</summary>
internal static class ConnectHandshake
{
    private const uint ForEver = uint.MaxValue;

    /// <summary>Bounds are tighter until a CONNECT was accepted (spec/security.md, 6.3).</summary>
    private const int MaxConnectBytes = 16 * 1024;

    /// <summary>Takes the first packet off the buffer.</summary>
    /// <returns>False if it has not come whole.</returns>
    /// <exception cref="MqttProtocolException">The connection must end; the client was told why, if its version has a way to.</exception>
    public static bool TryReadFirst(
        ref ReadOnlySequence<byte> buffer, PacketScratch scratch, ReplyWriter replies, IOutbound output, out Packet packet)
    {
        try
        {
            return Framing.TryRead(ref buffer, MaxConnectBytes, out packet, scratch);
        }
        catch (MqttProtocolException e) when (e.Reason == ReasonCode.PacketTooLarge && BeginsAsFive(buffer))
        {
            replies.Version = MqttVersion.V5;
            replies.ConnAck(output, sessionPresent: false, e.Reason, null, e.Message);
            throw;
        }
    }

    /// <summary>Reads a CONNECT; from then on replies are in the client's version and within its limits.</summary>
    /// <exception cref="MqttProtocolException">The connection must end; the client was told why, if its version has a way to.</exception>
    public static ConnectRequest Read(scoped in Packet packet, ReplyWriter replies, ChannelOptions options, IOutbound output)
    {
        try
        {
            var connect = ConnectPacket.Parse(packet);
            replies.Version = connect.Version;
            replies.MaxPacketBytes = connect.Properties.MaximumPacketSize ?? uint.MaxValue;
            replies.WantsReasons = connect.Properties.RequestProblemInformation;
            return Read(connect, options);
        }
        catch (MqttProtocolException e) when (ConnectPacket.PeekProtocolLevel(packet) is { } level)
        {
            if (Answers(level, e.Reason))
            {
                replies.Version = level == (byte)MqttVersion.V5 ? MqttVersion.V5 : MqttVersion.V311;
                // No packet is larger than the client takes [MQTT-3.1.2-24], a refusal neither.
                if (replies.Version == MqttVersion.V5)
                    replies.MaxPacketBytes = ConnectPacket.PeekMaximumPacketSize(packet) ?? uint.MaxValue;
                replies.ConnAck(output, sessionPresent: false, e.Reason, null, e.Message);
            }
            throw;
        }
    }

    /// <exception cref="MqttProtocolException">
    /// 0x85 for a client identifier that is too long or starts with '$', 0x8C, 0x90, 0x99.
    /// </exception>
    private static ConnectRequest Read(scoped in ConnectPacket connect, ChannelOptions options)
    {
        if (!connect.Properties.AuthenticationMethod.IsEmpty)
            throw new MqttProtocolException(ReasonCode.BadAuthenticationMethod, "Enhanced authentication is not supported (4.12).");
        if (connect.ClientId.Length > options.MaxClientIdBytes || connect.ClientId.StartsWith("$"u8))
            throw new MqttProtocolException(ReasonCode.ClientIdentifierNotValid,
                $"A client identifier has at most {options.MaxClientIdBytes} bytes and does not start with '$'.");
        return new ConnectRequest
        {
            Version = connect.Version,
            ClientId = Encoding.UTF8.GetString(connect.ClientId),
            UserName = connect.HasUserName ? Encoding.UTF8.GetString(connect.UserName) : null,
            Password = connect.HasPassword ? connect.Password.ToArray() : null,
            CleanStart = connect.CleanStart,
            KeepAliveSeconds = connect.KeepAlive,
            SessionExpirySeconds = connect.Version == MqttVersion.V5 ? connect.Properties.SessionExpiryInterval ?? 0
                : connect.CleanStart ? 0 : (uint)options.PersistentSessionSeconds,
            ReceiveMaximum = connect.Properties.ReceiveMaximum,
            TopicAliasMaximum = connect.Properties.TopicAliasMaximum,
            Will = connect.HasWill ? ReadWill(connect, options) : null,
        };
    }

    /// <summary>What the client asked for, within the limits. A claim's session begins anew and ends with its connection.</summary>
    public static SessionTerms Terms(ConnectRequest request, SessionKind kind, ChannelOptions options)
    {
        uint longest = kind == SessionKind.Claim ? 0 : (uint)options.MaxSessionExpirySeconds;
        uint expiry = request.SessionExpirySeconds == ForEver ? longest : Math.Min(request.SessionExpirySeconds, longest);
        return new(request.CleanStart || kind == SessionKind.Claim, expiry, request.ReceiveMaximum, request.Will);
    }

    /// <summary>What the client asked for, or the most there is: silence for ever is not on offer (spec/aws-iot-topics.md, 5.2).</summary>
    public static int KeepAlive(ConnectRequest request, ChannelOptions options) =>
        request.KeepAliveSeconds == 0 || request.KeepAliveSeconds > options.MaxKeepAliveSeconds
            ? options.MaxKeepAliveSeconds : request.KeepAliveSeconds;

    /// <summary>
    /// The properties of an accepting CONNACK: every limit that differs from MQTT's defaults. No Response Information, whoever asks for it:
    /// a policy says what a client may subscribe with, and there is no part of the tree that is the client's alone to answer in (3.2.2.3.14
    /// leaves it to the server).
    /// </summary>
    /// <returns>False if the client takes no packet as large as that.</returns>
    public static bool Accept(
        ReplyWriter replies, IOutbound output, ChannelPhase.Opening opening, int keepAlive, ChannelServices services)
    {
        var (request, options) = (opening.Request, services.Options);
        return replies.ConnAck(output, opening.Present, ReasonCode.Success, Describe, null);

        void Describe(PropertyBuilder properties)
        {
            uint expiry = opening.Terms.ExpirySeconds;
            if (expiry != request.SessionExpirySeconds) properties.Add(PropertyId.SessionExpiryInterval, expiry);
            properties.Add(PropertyId.ReceiveMaximum, (uint)services.Sessions.ReceiveMaximum);
            properties.Add(PropertyId.MaximumPacketSize, (uint)options.MaxPacketBytes);
            if (request.ClientId.Length == 0) properties.Add(PropertyId.AssignedClientIdentifier, opening.Session.Identity.ClientId);
            if (options.TopicAliasMaximum > 0) properties.Add(PropertyId.TopicAliasMaximum, (uint)options.TopicAliasMaximum);
            if (keepAlive != request.KeepAliveSeconds) properties.Add(PropertyId.ServerKeepAlive, (uint)keepAlive);
        }
    }

    /// <summary>
    /// What is said to a client whose CONNECT broke the protocol: a 3.1.1 client only hears the two codes that its version has for it.
    /// </summary>
    private static bool Answers(byte level, ReasonCode code) => level == (byte)MqttVersion.V5
        ? code is not ReasonCode.PacketTooLarge
        : code is ReasonCode.UnsupportedProtocolVersion or ReasonCode.ClientIdentifierNotValid;

    /// <summary>Whether what came of a CONNECT, which is too large to be read whole, is the beginning of a 5.0 one.</summary>
    private static bool BeginsAsFive(in ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryRead(out byte header) || header != (byte)PacketType.Connect << 4) return false;
        while (reader.TryRead(out byte length) && length >= 0x80) { }
        return reader.IsNext("\0\u0004MQTT\u0005"u8);
    }

    private static Will ReadWill(scoped in ConnectPacket connect, ChannelOptions options)
    {
        if (connect.WillTopic.Length > options.MaxTopicBytes || TopicName.CountLevels(connect.WillTopic) > options.MaxTopicLevels)
            throw new MqttProtocolException(ReasonCode.TopicNameInvalid, "The will topic is too long or too deep.");
        var forwarded = new PropertyBuilder().AddForwarded(connect.WillProperties);
        var payload = new ReadOnlySequence<byte>(connect.WillPayload.ToArray());
        if (connect.WillProperties.PayloadIsUtf8 && !Utf8Payload.IsValid(payload))
            throw new MqttProtocolException(
                ReasonCode.PayloadFormatInvalid, "The will's payload says that it is UTF-8 and is not (3.1.3.2.3).");
        return new Will(
            Publication.Copy(connect.WillTopic, payload, connect.WillQos, connect.WillRetain, forwarded.Properties.Bytes, expiresAt: null),
            connect.WillProperties.WillDelayInterval, connect.WillProperties.MessageExpiryInterval);
    }
}
