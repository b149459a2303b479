using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// A QoS 2 message of a client that was routed, or is about to be, and is not released: a repeat of it is not routed again.
/// </summary>
/// <param name="Position">Where it is durable here, its packet identifier with it; null if it is held in memory alone.</param>
/// <param name="Elsewhere">Others than sessions take it too; null: none does, or all have.</param>
internal readonly record struct HeldMessage(JournalPosition? Position, PendingForward? Elsewhere = null);

/// <summary>A message on its way to others than the sessions here: the store of retained messages, other gateways, rules.</summary>
/// <param name="Done">Completes when they have it; fails if one of them does.</param>
internal sealed record PendingForward(Publication Message, Task Done);

/// <summary>The way in from one client: its QoS 2 messages between PUBLISH and PUBREL. Guards itself with the session's lock.</summary>
internal sealed class AwaitingRelease(Lock gate)
{
    /// <summary>Room for so many is not given back.</summary>
    private const int RoomKept = 64;

    private Dictionary<ushort, HeldMessage>? _unreleased;
    private StoredSession? _stored;

    public ushort[] PacketIds
    {
        get { lock (gate) return _unreleased is null ? [] : [.. _unreleased.Keys]; }
    }

    /// <summary>Some are on their way to others than the sessions here.</summary>
    public bool IsForwarding
    {
        get { lock (gate) return _unreleased?.Values.Any(message => message.Elsewhere?.Done.IsCompleted == false) == true; }
    }

    /// <summary>
    /// Whether a QoS 2 message of the client's, not released yet, has this packet identifier: another PUBLISH with it is a repeat.
    /// </summary>
    public bool Holds(ushort packetId, out HeldMessage message)
    {
        message = default;
        lock (gate) return _unreleased?.TryGetValue(packetId, out message) == true;
    }

    /// <summary>Notes the packet identifier of a QoS 2 message from the client, until PUBREL.</summary>
    /// <returns>False if it is a repeat.</returns>
    public bool TryHold(ushort packetId)
    {
        lock (gate) return (_unreleased ??= []).TryAdd(packetId, default);
    }

    /// <summary>The message with this identifier was routed; nothing happens if it is not held any more.</summary>
    public void Note(ushort packetId, HeldMessage message)
    {
        lock (gate)
        {
            if (_unreleased?.ContainsKey(packetId) == true) _unreleased[packetId] = message;
        }
    }

    /// <summary>
    /// Others have the message too: from here on a repeat is one for the store as well. Before, a kill would pass it for taken.
    /// </summary>
    /// <returns>Where that is durable; null if it need not be.</returns>
    public JournalPosition? Taken(ushort packetId)
    {
        lock (gate)
        {
            if (!Holds(packetId, out var held) || held.Elsewhere is null) return null;
            var position = _stored is null ? held.Position : _stored.Hold(packetId);
            Note(packetId, new(position));
            return position;
        }
    }

    /// <summary>PUBREL, or the message was not taken after all.</summary>
    /// <param name="position">Where the identifier is durably free; null if it need not be.</param>
    /// <returns>False if there is no such identifier.</returns>
    public bool PubRel(ushort packetId, out JournalPosition? position)
    {
        lock (gate)
        {
            HeldMessage held = default;
            bool known = _unreleased?.Remove(packetId, out held) == true;
            if (_unreleased?.Count == 0 && _unreleased.Capacity > RoomKept) _unreleased = null;
            // Nothing is known of it in the store if it was held in memory alone. If it is unknown here, its end may be on its way there
            // still.
            position = known && held.Position is null ? null : _stored?.PubRel(packetId);
            return known;
        }
    }

    /// <summary>The session has become one that is kept in the store.</summary>
    public void Keep(StoredSession stored)
    {
        lock (gate)
        {
            _stored = stored;
            foreach (ushort packetId in PacketIds) Note(packetId, new(stored.Hold(packetId)));
        }
    }

    /// <summary>Takes what the store had.</summary>
    public void Restore(StoredSession stored, IEnumerable<ushort> packetIds)
    {
        lock (gate)
        {
            _stored = stored;
            foreach (ushort packetId in packetIds) (_unreleased ??= []).Add(packetId, new(JournalPosition.LongAgo));
        }
    }

    public void Clear()
    {
        lock (gate) (_unreleased, _stored) = (null, null);
    }
}
