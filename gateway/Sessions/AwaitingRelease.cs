using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// A QoS 2 message of a client that was routed, or is about to be, and is not released: a repeat of it is not routed again.
/// </summary>
/// <param name="Position">The journal's, at which it is durable here, its packet identifier with it; 0 if it need not be.</param>
/// <param name="Elsewhere">Others than sessions take it too; null: none does, or all have.</param>
internal readonly record struct HeldMessage(long Position, PendingForward? Elsewhere = null);

/// <summary>A message on its way to others than the sessions here: the store of retained messages, other gateways, rules.</summary>
/// <param name="Done">Completes when they have it; fails if one of them does.</param>
internal sealed record PendingForward(Publication Message, Task Done);

/// <summary>The way in from one client: its QoS 2 messages between PUBLISH and PUBREL. Guarded by the session's lock.</summary>
internal sealed class AwaitingRelease
{
    /// <summary>Room for so many is not given back.</summary>
    private const int RoomKept = 64;

    private Dictionary<ushort, HeldMessage>? _unreleased;

    public ushort[] PacketIds => _unreleased is null ? [] : [.. _unreleased.Keys];

    /// <summary>Some are on their way to others than the sessions here.</summary>
    public bool IsForwarding => _unreleased?.Values.Any(message => message.Elsewhere?.Done.IsCompleted == false) == true;

    public bool IsUnreleased(ushort packetId, out HeldMessage message)
    {
        message = default;
        return _unreleased?.TryGetValue(packetId, out message) == true;
    }

    /// <returns>False if it is held already, and stays as it was.</returns>
    public bool TryHold(ushort packetId, HeldMessage message = default) => (_unreleased ??= []).TryAdd(packetId, message);

    /// <summary>Notes more about what is held; nothing if it is not.</summary>
    public void Note(ushort packetId, HeldMessage message)
    {
        if (_unreleased?.ContainsKey(packetId) == true) _unreleased[packetId] = message;
    }

    /// <returns>False if it is not held.</returns>
    public bool Release(ushort packetId, out HeldMessage message)
    {
        message = default;
        if (_unreleased?.Remove(packetId, out message) != true) return false;
        if (_unreleased.Count == 0 && _unreleased.Capacity > RoomKept) _unreleased = null;
        return true;
    }

    public void Clear() => _unreleased = null;
}
