namespace Fleet.Gateway.Rules;

/// <summary>A message for a rule's queue.</summary>
/// <param name="Id">The receiver's idempotency key; the order of ids is the order of arrival at one gateway.</param>
/// <param name="Topic">Topic name; of basic ingest, what comes after <c>$aws/rules/{rule}/</c>.</param>
/// <param name="ClientId">Of the publisher; null for a message of the service itself.</param>
/// <param name="ContentType">MQTT 5.0, 3.3.2.3.9; null if the publisher said none.</param>
public sealed record RuleMessage(
    string Rule, string Id, string Topic, string? ClientId, string? ContentType, ReadOnlyMemory<byte> Payload, DateTimeOffset ReceivedAt);

/// <summary>How much a rule's queue holds.</summary>
/// <param name="Bytes">Of payloads.</param>
public readonly record struct QueueFill(long Messages, long Bytes);

/// <summary>The queues of rules, as gateways see them.</summary>
public interface IRuleQueue
{
    /// <summary>Returns when the message is durable; messages that come together share what that costs.</summary>
    /// <returns>What the queue held then; null: there is no such queue, and the message was dropped.</returns>
    Task<QueueFill?> Append(RuleMessage message, CancellationToken cancellation);

    /// <returns>Null: there is no such queue.</returns>
    Task<QueueFill?> GetFill(string rule, CancellationToken cancellation);
}
