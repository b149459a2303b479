using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.FuzzTests;

/// <summary>
/// What one client hears, read as a client would: every packet well-formed and sent in its place, nothing over what the client said it takes. Keeps
/// what the client owes answers to.
/// </summary>
internal sealed class ServerWords
{
    private readonly HashSet<ushort> _inFlight = [];
    private readonly HashSet<ushort> _aliases = [];

    /// <summary>Identifiers whose answer is under way: whether they are in flight is the server's to know.</summary>
    private readonly HashSet<ushort> _answering = [];
    private byte[] _rest = [];
    private MqttVersion _version;
    private bool _greeted, _parted, _maybeAll;

    /// <summary>Type of the answer, packet identifier.</summary>
    public List<(int Type, int Id)> Owed { get; } = [];

    public long Packets { get; private set; }

    /// <summary>Null while it is not known what the client's CONNECT said.</summary>
    public ConnectTerms? Terms { get; set; }

    /// <summary>All that the client has sent was read.</summary>
    public void Heard()
    {
        _answering.Clear();
        _maybeAll = false;
    }

    /// <summary>The client has answered for this identifier, whether it had to or not.</summary>
    public void Answered(int id)
    {
        _answering.Add((ushort)id);
        _inFlight.Remove((ushort)id);
        Owed.RemoveAll(o => o.Id == id);
    }

    /// <summary>The client may have answered anything, what it has not been sent yet included.</summary>
    public void AnsweredAnything()
    {
        _maybeAll = true;
        _inFlight.Clear();
    }

    public void Hear(ReadOnlySpan<byte> bytes)
    {
        var buffer = new ReadOnlySequence<byte>([.. _rest, .. bytes]);
        while (Framing.TryRead(ref buffer, int.MaxValue, out var packet)) Handle(packet);
        _rest = buffer.ToArray();
    }

    private void Handle(in Packet packet)
    {
        Packets++;
        if (_parted) Fail($"{packet.Type} after DISCONNECT");
        if (!_greeted && packet.Type != PacketType.ConnAck) Fail($"{packet.Type} before CONNACK");
        if (_greeted && packet.Type == PacketType.ConnAck) Fail("a second CONNACK");
        // The server answers in the version that it was asked in, whatever became of the question on the way: a CONNACK of 3.1.1 has two bytes.
        if (!_greeted) _version = packet.Body.Length == 2 ? MqttVersion.V311 : MqttVersion.V5;
        _greeted = true;
        packet.DemandSentBy(Sender.Server, _version);
        if (Terms is { } terms && packet.Body.Length + 2 > terms.MaximumPacketSize) Fail($"{packet.Type} of {packet.Body.Length} bytes to a client that takes {terms.MaximumPacketSize}");
        switch (packet.Type)
        {
            case PacketType.ConnAck: ConnAckPacket.Parse(packet, _version); break;
            case PacketType.Publish: Handle(PublishPacket.Parse(packet, _version, Sender.Server)); break;
            case PacketType.PubAck or PacketType.PubComp: AckPacket.Parse(packet, _version); break;
            case PacketType.PubRec: if (AckPacket.Parse(packet, _version) is { ReasonCode: < ReasonCode.UnspecifiedError } received) Owe(6, received.PacketId); break;
            case PacketType.PubRel: Owe(7, AckPacket.Parse(packet, _version).PacketId); break;
            case PacketType.SubAck or PacketType.UnsubAck: SubAckPacket.Parse(packet, _version); break;
            case PacketType.PingResp: break;
            case PacketType.Disconnect: DisconnectPacket.Parse(packet, _version, Sender.Server); _parted = true; break;
            default: Fail($"{packet.Type} from the server"); break;
        }
    }

    private void Handle(scoped in PublishPacket publish)
    {
        if (publish.Properties.TopicAlias is { } alias)
        {
            if (Terms is { } terms && (alias == 0 || alias > terms.TopicAliasMaximum)) Fail($"topic alias {alias} to a client that takes {terms.TopicAliasMaximum}");
            if (publish.Topic.IsEmpty && !_aliases.Contains(alias)) Fail($"topic alias {alias} that was not set");
            _aliases.Add(alias);
        }
        else if (publish.Topic.IsEmpty) Fail("no topic and no alias");
        if (publish.Qos == Qos.AtMostOnce) return;
        Owe(publish.Qos == Qos.AtLeastOnce ? 4 : 5, publish.PacketId);
        if (_maybeAll || _answering.Contains(publish.PacketId)) return;
        if (!_inFlight.Add(publish.PacketId)) Fail($"packet identifier {publish.PacketId} is in use [MQTT-2.2.1-4]");
        if (Terms is { } limits && _inFlight.Count > limits.ReceiveMaximum) Fail($"{_inFlight.Count} messages in flight to a client that takes {limits.ReceiveMaximum} [MQTT-3.3.4-9]");
    }

    private void Owe(int type, int id)
    {
        if (Owed.Count < 1_000) Owed.Add((type, id));
    }

    private static void Fail(string what) => throw new FuzzFailedException($"The server sent {what}.");
}
