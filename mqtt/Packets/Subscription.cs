namespace Fleet.Mqtt;

/// <summary>One topic filter of a SUBSCRIBE to write. All but filter and QoS are 5.0 only.</summary>
public sealed record Subscription(string Filter, Qos Qos = Qos.AtMostOnce)
{
    public bool NoLocal { get; init; }
    public bool RetainAsPublished { get; init; }
    public RetainHandling RetainHandling { get; init; }

    internal SubscriptionOptions Options => new(Qos, NoLocal, RetainAsPublished, RetainHandling);
}
