namespace Fleet.Gateway.Messages;

/// <summary>What is published if a connection ends without DISCONNECT. MQTT 5.0, 3.1.2.5.</summary>
/// <param name="ExpirySeconds">Message expiry, counted from its publication.</param>
internal sealed record Will(Publication Message, uint DelaySeconds, uint? ExpirySeconds)
{
    /// <summary>When it is due, on the monotonic clock; null while the connection lives.</summary>
    public long? DueAt { get; init; }

    public Publication At(long now) => ExpirySeconds is not { } seconds ? Message
        : new Publication(
            Message.Topic.ToArray(), Message.Payload, Message.Qos, Message.Retain, Message.Properties, now + (seconds * 1000L));
}
