using System.Diagnostics.CodeAnalysis;
using Fleet.Gateway.Journal;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>A QoS 1 or 2 PUBLISH that is not acknowledged yet.</summary>
/// <param name="receivedAt">Timestamp.</param>
internal sealed class AckTicket(ushort packetId, Qos qos, long receivedAt)
{
    public ushort PacketId => packetId;
    public Qos Qos => qos;
    public long ReceivedAt => receivedAt;

    /// <summary>It answers PUBREL: PUBCOMP, rather than PUBACK or PUBREC.</summary>
    public bool EndsIt { get; init; }

    /// <summary>Subscribers have it, or will: with QoS 2 it can be acknowledged, or be sent again, and not be refused any more.</summary>
    public bool IsRouted { get; set; }

    /// <summary>Where the message is durable; it is answered no earlier. Null: it need not be.</summary>
    public JournalPosition? Position { get; set; }

    /// <summary>Null while it waits for more than that.</summary>
    public ReasonCode? Outcome { get; set; }
    public string? Detail { get; set; }

    /// <summary>PUBLISHes with the same identifier that came meanwhile: each gets the same answer.</summary>
    public int Repeats { get; set; }
}

/// <summary>
/// Keeps PUBACKs and PUBRECs in the order of their PUBLISHes [MQTT-4.6.0-2, 4.6.0-3], whatever order the answers come in.
/// </summary>
internal sealed class AckQueue
{
    private Queue<AckTicket>? _waiting;

    public int Count => _waiting?.Count ?? 0;

    public bool IsEmpty => Count == 0;

    /// <summary>QoS 1 alone.</summary>
    public int AtLeastOnce { get; private set; }

    public AckTicket Add(ushort packetId, Qos qos, long receivedAt, bool endsIt = false)
    {
        var ticket = new AckTicket(packetId, qos, receivedAt) { EndsIt = endsIt };
        (_waiting ??= new()).Enqueue(ticket);
        if (qos == Qos.AtLeastOnce) AtLeastOnce++;
        return ticket;
    }

    /// <summary>The next to be answered, if all that it waits for is the journal.</summary>
    public bool TryPeekReady([NotNullWhen(true)] out AckTicket? ticket)
    {
        ticket = null;
        return _waiting?.TryPeek(out ticket) == true && ticket!.Outcome is not null;
    }

    /// <summary>Takes it out.</summary>
    public void Dequeue()
    {
        if (_waiting!.Dequeue().Qos == Qos.AtLeastOnce) AtLeastOnce--;
    }
}
