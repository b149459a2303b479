using Fleet.Gateway.Routing;

namespace Fleet.Gateway.Sessions;

/// <summary>QoS 1 messages that were sent and not yet acknowledged, in the order they were sent. At most a few hundred, so lists are scanned.</summary>
internal sealed class InFlight
{
    private readonly List<(ushort PacketId, Delivery Delivery)> _sent = [];
    private ushort _lastId;

    public int Count => _sent.Count;

    /// <summary>In the order they were sent.</summary>
    public IReadOnlyList<(ushort PacketId, Delivery Delivery)> All => _sent;

    /// <summary>The packet identifier that was used last.</summary>
    public ushort LastId => _lastId;

    /// <returns>A packet identifier that is not in use [MQTT-2.2.1-3].</returns>
    public ushort Add(in Delivery delivery)
    {
        do _lastId = _lastId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastId + 1);
        while (Contains(_lastId));
        _sent.Add((_lastId, delivery));
        return _lastId;
    }

    public bool Contains(ushort packetId) => IndexOf(packetId) >= 0;

    /// <returns>False if nothing with this identifier is in flight.</returns>
    public bool Remove(ushort packetId)
    {
        int at = IndexOf(packetId);
        if (at < 0) return false;
        _sent[at].Delivery.Message.Release();
        _sent.RemoveAt(at);
        return true;
    }

    /// <summary>Puts back what another gateway sent, and the client has not acknowledged.</summary>
    public void Restore(IEnumerable<(ushort PacketId, Delivery Delivery)> sent, ushort lastId)
    {
        _sent.AddRange(sent);
        _lastId = lastId;
    }

    /// <summary>Takes them out without giving their memory back: whoever takes them reads it.</summary>
    public (ushort PacketId, Delivery Delivery)[] TakeAll()
    {
        (ushort, Delivery)[] all = [.. _sent];
        _sent.Clear();
        return all;
    }

    public void Clear()
    {
        foreach (var (_, delivery) in _sent) delivery.Message.Release();
        _sent.Clear();
    }

    private int IndexOf(ushort packetId)
    {
        for (int i = 0; i < _sent.Count; i++)
        {
            if (_sent[i].PacketId == packetId) return i;
        }
        return -1;
    }
}
