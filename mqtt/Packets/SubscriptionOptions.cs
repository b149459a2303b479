namespace Fleet.Mqtt;

/// <summary>When the server sends retained messages for a subscription. MQTT 5.0, 3.8.3.1.</summary>
public enum RetainHandling : byte
{
    SendAtSubscribe = 0,
    SendIfNewSubscription = 1,
    DoNotSend = 2,
}

/// <summary>The options byte of a subscription. In 3.1.1 it holds the QoS alone. MQTT 5.0, 3.8.3.1.</summary>
public readonly record struct SubscriptionOptions(
    Qos Qos, bool NoLocal = false, bool RetainAsPublished = false, RetainHandling RetainHandling = RetainHandling.SendAtSubscribe)
{
    /// <summary>As SUBSCRIBE has them.</summary>
    public byte ToByte(MqttVersion version) => version == MqttVersion.V311
        ? (byte)Qos
        : (byte)((int)Qos | (NoLocal ? 4 : 0) | (RetainAsPublished ? 8 : 0) | ((int)RetainHandling << 4));

    /// <exception cref="MqttProtocolException">0x81, 0x82.</exception>
    public static SubscriptionOptions Parse(byte options, MqttVersion version)
    {
        if ((options & 3) == 3) throw Fault.Malformed("QoS 3 in SUBSCRIBE (3.8.3.1)");
        if ((options & (version == MqttVersion.V311 ? 0xFC : 0xC0)) != 0)
            throw Fault.Malformed("reserved bits of the subscription options (3.8.3.1)");
        if ((options & 0x30) == 0x30) throw Fault.Protocol("retain handling 3 (3.8.3.1)");
        return new((Qos)(options & 3), (options & 4) != 0, (options & 8) != 0, (RetainHandling)(options >> 4));
    }
}
