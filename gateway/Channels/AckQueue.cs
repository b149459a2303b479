using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>A QoS 1 or 2 PUBLISH that is not acknowledged yet.</summary>
/// <param name="receivedAt">Timestamp.</param>
internal sealed class AckTicket(ushort packetId, Qos qos, long receivedAt)
{
    public ushort PacketId => packetId;
    public Qos Qos => qos;
    public long ReceivedAt => receivedAt;

    /// <summary>Null while it waits.</summary>
    public ReasonCode? Outcome { get; set; }
    public string? Detail { get; set; }

    /// <summary>PUBLISHes with the same identifier that came meanwhile: each gets the same answer.</summary>
    public int Repeats { get; set; }
}

/// <summary>Keeps PUBACKs and PUBRECs in the order of their PUBLISHes [MQTT-4.6.0-2, 4.6.0-3], whatever order the answers come in.</summary>
internal sealed class AckQueue
{
    private readonly Queue<AckTicket> _waiting = new(0);

    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>QoS 1 alone.</summary>
    public int AtLeastOnce { get; private set; }

    public AckTicket Add(ushort packetId, Qos qos, long receivedAt)
    {
        var ticket = new AckTicket(packetId, qos, receivedAt);
        _waiting.Enqueue(ticket);
        if (qos == Qos.AtLeastOnce) AtLeastOnce++;
        return ticket;
    }

    public bool TryTakeReady(out AckTicket ticket)
    {
        if (!_waiting.TryPeek(out ticket!) || ticket.Outcome is null) return false;
        _waiting.Dequeue();
        if (ticket.Qos == Qos.AtLeastOnce) AtLeastOnce--;
        return true;
    }
}
