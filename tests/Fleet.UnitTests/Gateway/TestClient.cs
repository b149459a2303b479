using System.Buffers;
using System.Text;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>
/// One client on the other side of a channel: bytes in, bytes out, no socket. It acts as the transport too: it runs the turns, and notes
/// what the channel asked for.
/// </summary>
internal sealed class TestClient : ISessionConnection
{
    public bool IsHeld => false;

    private readonly Lock _gate = new();
    private readonly GatewayParts _parts;
    private readonly Outbound _outbound;
    private readonly ChannelTurn _turn;
    private readonly MqttChannel _channel;
    private readonly ArrayBufferWriter<byte> _received = new();

    public TestClient(GatewayParts parts)
    {
        _parts = parts;
        _outbound = new Outbound(parts.Settings.Sessions.MaxOutboundBytes, ArrayPool<byte>.Shared);
        _turn = new ChannelTurn();
        _channel = new MqttChannel(parts.Channels, this, parts.Clock.NowMs);
    }

    /// <summary>Nothing is taken off the connection while this is true.</summary>
    public bool IsStuck { get; set; }

    public List<ChannelEffect> Effects { get; } = [];
    /// <summary>CONNACK said that its session was there.</summary>
    public bool WasPresent { get; private set; }

    public EndCause? Ended => _channel.Ended;
    public Session Session => _channel.Session!;
    public bool IsClosed => _channel.Ended is not null;

    /// <summary>A 5.0 client that is let in as <paramref name="identity"/>, its CONNACK read.</summary>
    /// <param name="readAll">And what came with it.</param>
    public static TestClient Connected(
        GatewayParts parts, SessionIdentity identity, MqttVersion version = MqttVersion.V5, string? connect = null, bool readAll = true)
    {
        var client = new TestClient(parts);
        client.Send(connect ?? (version == MqttVersion.V5
            ? "10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70" : "10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70"));
        client.Accept(identity);
        Assert.Null(client.Ended);
        string answer = readAll ? client.ReadHex() : client.ReadConnAck();
        Assert.StartsWith("20", answer, StringComparison.Ordinal);
        client.WasPresent = answer[6..8] == "01";
        return client;
    }

    public void Send(string hex) => SendBytes(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

    public void SendBytes(byte[] bytes) => SendSequence(new ReadOnlySequence<byte>(bytes));

    /// <returns>What the channel left for later.</returns>
    public ReadOnlySequence<byte> SendSequence(ReadOnlySequence<byte> buffer)
    {
        lock (_gate)
        {
            _channel.Receive(ref buffer, Begin());
            Effects.AddRange(_turn.Effects);
        }
        return buffer;
    }

    public void Send(Action<IBufferWriter<byte>> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        write(bytes);
        SendBytes(bytes.WrittenSpan.ToArray());
    }

    public void Accept(SessionIdentity identity)
    {
        lock (_gate) _channel.Decided(new ConnectDecision.Accepted(identity), Begin());
        if (_channel.OpensAt is not { } position) return;
        bool durable = _parts.Journal.WhenDurable(position).GetAwaiter().GetResult();
        lock (_gate) _channel.Opened(durable, Begin());
    }

    public void Refuse(ReasonCode code, string why) => _channel.Decided(new ConnectDecision.Refused(code, why), Begin());

    public void Publish(string topic, string payload = "", Qos qos = Qos.AtMostOnce, ushort packetId = 1, bool retain = false,
        MqttVersion version = MqttVersion.V5) =>
        Send(output => new PublishPacket
        {
            Topic = Encoding.UTF8.GetBytes(topic),
            Payload = new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(payload)),
            Qos = qos,
            PacketId = qos == Qos.AtMostOnce ? (ushort)0 : packetId,
            Retain = retain,
        }.WriteTo(output, version));

    public void Subscribe(string filter, Qos qos = Qos.AtMostOnce, MqttVersion version = MqttVersion.V5, uint identifier = 0) =>
        Subscribe(new Subscription(filter, qos), identifier, version);

    public void Subscribe(Subscription subscription, uint identifier = 0, MqttVersion version = MqttVersion.V5)
    {
        var properties = new PropertyBuilder();
        if (identifier != 0) properties.Add(PropertyId.SubscriptionIdentifier, identifier);
        Send(output => SubscribePacket.Write(output, version, 9, properties.Properties, [subscription]));
    }

    /// <summary>A subscription whose SUBACK has been read.</summary>
    public void Subscribed(string filter, Qos qos = Qos.AtMostOnce)
    {
        Subscribe(filter, qos);
        Assert.Equal($"90 04 00 09 00 {(int)qos:X2}", ReadHex()[..17]);
    }

    public void Completed(AckTicket ticket, ReasonCode outcome = ReasonCode.Success) => _channel.Completed(ticket, outcome, null, Begin());

    /// <summary>The pause that the channel asked for is over; what it left in <paramref name="left"/> is read now.</summary>
    public ReadOnlySequence<byte> Resume(ReadOnlySequence<byte> left)
    {
        _channel.Resume(Begin());
        return SendSequence(left);
    }

    public bool IsPaused => _channel.IsPaused;

    public void Tick() => _channel.Tick(Begin());

    /// <summary>The transport is gone.</summary>
    public void Lose() => _channel.Close(EndCause.ConnectionLost, Begin());

    /// <summary>Also from the journal's thread.</summary>
    void IJournalWaiter.Wake() => Drain();

    void ISessionConnection.End(EndCause cause) => _channel.Close(cause, Begin());

    /// <summary>Everything that was sent to the client since the last look.</summary>
    public byte[] Read()
    {
        // What is on its way to the store is there, unless the test holds it up.
        if (!_parts.Sessions.IsHeld) _parts.Journal.Flushed().GetAwaiter().GetResult();
        AnswerWhatIsKnown();
        Drain();
        lock (_gate)
        {
            byte[] bytes = _received.WrittenSpan.ToArray();
            _received.ResetWrittenCount();
            return bytes;
        }
    }

    /// <summary>Drops what was sent to the client, and keeps the room for as much again.</summary>
    public void Forget()
    {
        Drain();
        _received.ResetWrittenCount();
    }

    /// <summary>The CONNACK at the front of what was sent, taken off it.</summary>
    public string ReadConnAck()
    {
        byte[] all = Read();
        int length = 2 + all[1];
        _received.Write(all.AsSpan(length));
        return string.Join(' ', all.Take(length).Select(b => $"{b:X2}"));
    }

    public string ReadHex() => string.Join(' ', Read().Select(b => $"{b:X2}"));

    /// <summary>
    /// The PUBLISH packets among what was sent, as "topic=payload" with QoS, packet identifier, marks and subscription identifiers.
    /// </summary>
    public List<string> ReadMessages()
    {
        var buffer = new ReadOnlySequence<byte>(Read());
        var messages = new List<string>();
        while (Framing.TryRead(ref buffer, int.MaxValue, out var packet))
        {
            if (packet.Type != PacketType.Publish) continue;
            var publish = PublishPacket.Parse(packet, MqttVersion.V5, Sender.Server);
            messages.Add($"{Encoding.UTF8.GetString(publish.Topic)}={Encoding.UTF8.GetString(publish.Payload)}"
                + (publish.Qos == Qos.AtMostOnce ? "" : $" q{(int)publish.Qos}#{publish.PacketId}")
            + (publish.Retain ? " retained" : "") + (publish.Duplicate ? " dup" : "")
                + (publish.Properties.Has(PropertyId.SubscriptionIdentifier) ? $" for {string.Join(',', Identifiers(publish))}" : ""));
        }
        return messages;
    }

    private static List<uint> Identifiers(in PublishPacket publish)
    {
        List<uint> identifiers = [];
        foreach (var property in publish.Properties)
        {
            if (property.Id == PropertyId.SubscriptionIdentifier) identifiers.Add(property.Number);
        }
        return identifiers;
    }

    /// <summary>Answers what waited for the store alone.</summary>
    private void AnswerWhatIsKnown()
    {
        foreach (var effect in Effects.OfType<ChannelEffect.AwaitRoutes>().Where(effect => effect.Known.IsCompleted).ToArray())
        {
            Effects.Remove(effect);
            _channel.Subscribed(effect.Pending, Begin());
        }
    }

    private void Drain()
    {
        if (IsStuck) return;
        lock (_gate)
        {
            do
            {
                _channel.Drain(Begin());
                if (!_outbound.TryBeginSend(out var bytes)) return;
                _received.Write(bytes.Span);
                _outbound.Sent();
            }
            while (true);
        }
    }

    private ChannelTurn Begin() => _turn.Begin(_outbound, _parts.Clock.NowMs, _parts.Time.GetTimestamp());
}
