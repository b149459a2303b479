using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Retained;

/// <summary>A retained message, as it is shown to new subscriptions.</summary>
/// <param name="principal">Whose share it counts towards; null: nobody's.</param>
/// <param name="expiresAt">On the gateway's monotonic clock, milliseconds; null: never.</param>
internal sealed class RetainedPublication(Publication message, string? principal, long? expiresAt) : Publication(
    message.TopicBytes, message.Payload, message.Qos, retain: true, message.Properties, expiresAt)
{
    public string? Principal => principal;

    /// <summary>In the store; 0 while it is not stored.</summary>
    public long StoredVersion { get; set; }

    /// <summary>Grows with each message that this gateway shows.</summary>
    public long Sequence { get; set; }

    /// <summary>What it counts towards the budgets.</summary>
    public int Bytes => BytesOf(this);

    public static int BytesOf(Publication message) => message.TopicBytes.Length + message.Payload.Length + message.Properties.Length;
}
