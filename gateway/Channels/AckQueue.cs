using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>A QoS 1 PUBLISH that is not acknowledged yet.</summary>
/// <param name="ReceivedAt">Timestamp.</param>
internal sealed class AckTicket(ushort packetId, long receivedAt)
{
    public ushort PacketId => packetId;
    public long ReceivedAt => receivedAt;

    /// <summary>Null while it waits.</summary>
    public ReasonCode? Outcome { get; set; }
    public string? Detail { get; set; }
}

/// <summary>Keeps PUBACKs in the order of their PUBLISHes [MQTT-4.6.0-2], whatever order the answers come in.</summary>
internal sealed class AckQueue
{
    private readonly Queue<AckTicket> _waiting = new(0);

    public int Count => _waiting.Count;

    public AckTicket Add(ushort packetId, long receivedAt)
    {
        var ticket = new AckTicket(packetId, receivedAt);
        _waiting.Enqueue(ticket);
        return ticket;
    }

    public bool TryTakeReady(out AckTicket ticket)
    {
        if (!_waiting.TryPeek(out ticket!) || ticket.Outcome is null) return false;
        _waiting.Dequeue();
        return true;
    }
}
