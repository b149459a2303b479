using Fleet.Mqtt;

namespace Fleet.Gateway.Messages;

/// <summary>
/// Subscription identifiers as a PUBLISH has them: properties, one after the other. Null stands for none. MQTT 5.0, 3.3.2.3.8.
/// </summary>
internal static class SubscriptionIdentifiers
{
    /// <summary>Clients number their subscriptions from 1: what one of these brings allocates nothing.</summary>
    private static readonly byte[][] Small =
        [.. Enumerable.Range(0, 128).Select(id => new[] { (byte)PropertyId.SubscriptionIdentifier, (byte)id })];

    /// <param name="id">0: none.</param>
    public static byte[]? Of(uint id) => id == 0 ? null
        : id < (uint)Small.Length ? Small[id]
        : new PropertyBuilder().Add(PropertyId.SubscriptionIdentifier, id).Properties.Bytes.ToArray();

    public static byte[]? Join(byte[]? some, byte[]? others) => some is null ? others : others is null ? some : [.. some, .. others];
}
