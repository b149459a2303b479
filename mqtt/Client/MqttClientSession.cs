namespace Fleet.Mqtt;

/// <summary>
/// What a client remembers of its session from one connection to the next: the QoS 2 messages that it has had and the server has not
/// released, so that none of them comes twice. MQTT 5.0, 4.1. In memory; cleared when the server has no session any more.
/// </summary>
public sealed class MqttClientSession
{
    private readonly HashSet<ushort> _unreleased = [];

    internal void Hold(ushort packetId)
    {
        lock (_unreleased) _unreleased.Add(packetId);
    }

    internal bool Holds(ushort packetId)
    {
        lock (_unreleased) return _unreleased.Contains(packetId);
    }

    /// <returns>False if there is no such message.</returns>
    internal bool Release(ushort packetId)
    {
        lock (_unreleased) return _unreleased.Remove(packetId);
    }

    internal void Clear()
    {
        lock (_unreleased) _unreleased.Clear();
    }
}
