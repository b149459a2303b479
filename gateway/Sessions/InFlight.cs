using Fleet.Gateway.Routing;

namespace Fleet.Gateway.Sessions;

/// <summary>QoS 1 messages that were sent and not yet acknowledged, in the order they were sent. At most a few hundred, so lists are scanned.</summary>
internal sealed class InFlight
{
    private readonly List<(ushort PacketId, Delivery Delivery)> _sent = [];
    private ushort _lastId;

    public int Count => _sent.Count;

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

    public (ushort PacketId, Delivery Delivery) this[int index] => _sent[index];

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
