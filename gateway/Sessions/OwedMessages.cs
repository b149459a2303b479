using Fleet.Gateway.Journal;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>What the store knows of the way out to a subscriber whose session is kept there. Guarded by the session's lock.</summary>
internal sealed class OwedMessages(StoredSession stored, PacketIdentifiers identifiers, InFlight inFlight, WaitingMessages waiting)
{
    /// <summary>A message of QoS 1 or 2 is about to be queued.</summary>
    /// <param name="isPresent">The client has a connection.</param>
    /// <returns>What is to be noted in the journal.</returns>
    public StoredDelivery Add(in Delivery delivery, bool isPresent) => Owe(delivery, delivery.Qos, identifiers.Reserve(), isPresent);

    /// <summary>Notes what was there before the session was kept in the store.</summary>
    public void NoteAll(bool isPresent)
    {
        inFlight.Replace(sent => sent.Delivery with
        {
            Stored = Note(sent.Delivery, sent.Released ? Qos.ExactlyOnce : sent.Delivery.Qos, sent.PacketId, isPresent),
        });
        waiting.Replace(delivery => delivery.Qos == Qos.AtMostOnce ? delivery
            : delivery with { Stored = Note(delivery, delivery.Qos, identifiers.Reserve(), isPresent) });
    }

    /// <summary>Puts back what the store had.</summary>
    /// <param name="maybeSent">How many of them, from the first, the client may have been sent.</param>
    public void Restore(IReadOnlyList<Delivery> deliveries, int maybeSent)
    {
        foreach (var delivery in deliveries) identifiers.Restore(delivery.Stored!);
        List<SentMessage> sent = [];
        for (int i = 0; i < deliveries.Count; i++)
        {
            var delivery = deliveries[i];
            var known = delivery.Stored!;
            bool released = known.Message is null;
            // What has no identifier was not sent, and nor was what came after it; but builds before this one stored none with QoS 1.
            bool mayBeSent = i < maybeSent && (known.PacketId != 0 || (known.Qos == Qos.AtLeastOnce && identifiers.TryIdentify(known)));
            if (!mayBeSent) maybeSent = Math.Min(maybeSent, i);
            if (released || mayBeSent) sent.Add(new SentMessage(known.PacketId, delivery, released));
            // Its bounds may be narrower than they were.
            else if (!waiting.TryAdd(delivery)) delivery.Finish();
        }
        inFlight.Restore(sent);
        // Not before: an identifier that is not in use until then must not be given to another.
        foreach (var message in sent) identifiers.Release(message.Delivery.Stored);
    }

    private StoredDelivery Owe(in Delivery delivery, Qos qos, ushort packetId, bool isPresent) => stored.Owe(
        delivery.Message, qos, delivery.Retain, packetId, delivery.Identifiers, delivery.Share,
        isQuick: isPresent && qos == Qos.AtLeastOnce);

    private StoredDelivery Note(in Delivery delivery, Qos qos, ushort packetId, bool isPresent)
    {
        var owed = Owe(delivery, qos, packetId, isPresent);
        if (owed.Message is { } message) stored.Journal.Note(message, [owed]);
        else stored.Journal.NoteReleased(owed);
        return owed;
    }
}
