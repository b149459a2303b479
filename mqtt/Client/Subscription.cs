namespace Fleet.Mqtt;

/// <summary>When the server sends retained messages for a subscription. MQTT 5.0, 3.8.3.1.</summary>
public enum RetainHandling : byte
{
    SendAtSubscribe = 0,
    SendIfNewSubscription = 1,
    DoNotSend = 2,
}

/// <summary>One topic filter of a SUBSCRIBE. All but filter and QoS are 5.0 only.</summary>
public sealed record Subscription(string Filter, Qos Qos = Qos.AtMostOnce)
{
    public bool NoLocal { get; init; }
    public bool RetainAsPublished { get; init; }
    public RetainHandling RetainHandling { get; init; }
}
