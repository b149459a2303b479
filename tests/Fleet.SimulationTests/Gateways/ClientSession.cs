using System.Globalization;
using Fleet.Mqtt;

namespace Fleet.SimulationTests.Gateways;

/// <summary>A client's side of its session (MQTT 5.0, 4.1): what it has not heard of, and what it has not released.</summary>
internal sealed class ClientSession(GatewayWorld world, SimulatedClient client)
{
    /// <summary>Packet identifier of SUBSCRIBE, which no message gets.</summary>
    public readonly ushort SubscribeId = ushort.MaxValue;

    private const int MaxInFlight = 8;

    private readonly List<Outgoing> _outgoing = [];
    private readonly HashSet<ushort> _unreleased = [];
    private Inbox? _inbox;
    private string _publisher = "";
    private ushort _lastId;
    private int _begun, _sequence;

    /// <summary>It has one, and may find it where it connects.</summary>
    public bool Exists => _inbox is { IsPersistent: true };

    public bool IsSubscribed => _inbox is { Subscribed.Count: > 0 };

    public bool HasRoom => _outgoing.Count < MaxInFlight;

    public bool IsIdle => _outgoing.Count == 0;

    /// <summary>When the first of what is not acknowledged went out last.</summary>
    public TimeSpan WaitsSince => _outgoing.Count == 0 ? TimeSpan.MaxValue : _outgoing[0].SentAt;

    /// <summary>Its client is about to start clean: what becomes of it is nobody's business any more.</summary>
    public void Forsake()
    {
        if (_inbox is not null) _inbox.IsPersistent = false;
    }

    /// <param name="rescuedFrom">When it was last at a gateway that has died since; null: its gateway lives, or it had none.</param>
    public void Begin(bool isPersistent, long? rescuedFrom)
    {
        foreach (var outgoing in _outgoing) outgoing.Message.MayRepeat |= rescuedFrom is not null;
        _outgoing.Clear();
        _unreleased.Clear();
        _publisher = string.Create(CultureInfo.InvariantCulture, $"{client.Id}.{++_begun}");
        _sequence = 0;
        world.Ledger.Inboxes.Add(_inbox = new Inbox(_publisher, isPersistent));
    }

    /// <summary>The service has it too: what was not acknowledged goes out again, in order.</summary>
    /// <inheritdoc cref="Begin" path="/param"/>
    public void Resume(long? rescuedFrom)
    {
        _inbox!.RescuedFrom = rescuedFrom ?? _inbox.RescuedFrom;
        foreach (var outgoing in _outgoing)
        {
            if (!outgoing.IsReceived) outgoing.Message.Sends++;
            outgoing.Message.MayRepeat |= rescuedFrom is not null;
            outgoing.SentAt = world.Clock.Elapsed;
            client.Send(
                outgoing.IsReceived ? ClientPackets.Ack(PacketType.PubRel, outgoing.PacketId)
                    : ClientPackets.Publish(outgoing.Message, outgoing.PacketId, isRepeat: true));
        }
    }

    public void Subscribed(IEnumerable<(string Filter, Qos Qos)> filters)
    {
        foreach (var (filter, _) in filters) _inbox!.Subscribed[filter] = ++world.Order;
        client.Say("has subscribed");
    }

    public void Publish(string topic)
    {
        var message = world.Ledger.Add(_publisher, _sequence++, topic, isRetained: topic[0] == 'r', ++world.Order);
        message.Sends = 1;
        client.Say($"publishes {message} as {message.Payload}");
        ushort packetId = 0;
        if (message.Qos != Qos.AtMostOnce)
        {
            do _lastId = (ushort)((_lastId % 1_000) + 1);
            while (_outgoing.Exists(outgoing => outgoing.PacketId == _lastId));
            packetId = _lastId;
            _outgoing.Add(new Outgoing(packetId, message) { SentAt = world.Clock.Elapsed });
        }
        client.Send(ClientPackets.Publish(message, packetId, isRepeat: false));
    }

    public void Acknowledged(PacketType type, ushort packetId, ReasonCode code)
    {
        if (type == PacketType.PubRel)
        {
            _unreleased.Remove(packetId);
            client.Send(ClientPackets.Ack(PacketType.PubComp, packetId));
            return;
        }
        if (_outgoing.Find(outgoing => outgoing.PacketId == packetId) is not { } acknowledged) return;
        bool isGood = code < ReasonCode.UnspecifiedError;
        if (type != PacketType.PubComp)
        {
            client.Say($"hears {type} of {acknowledged.Message}: {code}");
            if (isGood) acknowledged.Message.AcknowledgedAt ??= ++world.Order;
        }
        if (type == PacketType.PubRec && isGood)
        {
            acknowledged.IsReceived = true;
            client.Send(ClientPackets.Ack(PacketType.PubRel, packetId));
        }
        else
        {
            _outgoing.Remove(acknowledged);
        }
    }

    public void Receive(string topic, string payload, Qos qos, ushort packetId, bool isRepeat, bool isRetained)
    {
        if (qos == Qos.AtLeastOnce) client.Send(ClientPackets.Ack(PacketType.PubAck, packetId));
        if (qos == Qos.ExactlyOnce) client.Send(ClientPackets.Ack(PacketType.PubRec, packetId));
        bool isNew = qos != Qos.ExactlyOnce || _unreleased.Add(packetId);
        client.Say($"is given {payload} of {topic}, {qos} as {packetId}{(isRepeat ? ", DUP" : "")}{(isNew ? "" : ", again")}");
        if (!isNew) return;
        if (topic == Topics.Wills) world.Checks.Will(payload);
        else if (!isRetained && _inbox!.Receive(world.Ledger.Find(payload), qos, isRepeat, world.MayRefuse) is { } wrong)
            world.Checks.Demand(false, wrong);
    }

    private sealed class Outgoing(ushort packetId, SimulatedMessage message)
    {
        public ushort PacketId => packetId;
        public SimulatedMessage Message => message;

        /// <summary>PUBREC has come.</summary>
        public bool IsReceived { get; set; }
        public TimeSpan SentAt { get; set; }
    }
}
