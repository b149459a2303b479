using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Rules;

/// <summary>A message for a rule's queue.</summary>
/// <param name="Id">The receiver's idempotency key; the order of ids is the order of arrival at one gateway.</param>
/// <param name="Topic">Topic name; of basic ingest, what comes after <c>$aws/rules/{rule}/</c>.</param>
/// <param name="ClientId">Of the publisher; null for a message of the service itself.</param>
/// <param name="ContentType">MQTT 5.0, 3.3.2.3.9; null if the publisher said none.</param>
public sealed record RuleMessage(
    string Rule, string Id, string Topic, string? ClientId, string? ContentType, ReadOnlyMemory<byte> Payload, DateTimeOffset ReceivedAt)
{
    /// <summary>Whose share of the queue it takes, by a name that no client can choose. A device's is its client id.</summary>
    public string? Publisher { get; init; } = ClientId;
}

/// <summary>How much a rule's queue holds.</summary>
/// <param name="Bytes">Of payloads.</param>
public readonly record struct QueueFill(long Messages, long Bytes);

/// <summary>What one publisher has in a rule's queue.</summary>
/// <param name="Bytes">Each message counts its payload, and a least size that whoever asks has said.</param>
public readonly record struct PublisherFill(string Publisher, long Bytes);

/// <summary>The queues of rules, as gateways see them.</summary>
public interface IRuleQueue
{
    /// <summary>Returns when the message is durable; messages that come together share what that costs.</summary>
    /// <returns>What the queue held then; null: there is no such queue, and the message was dropped.</returns>
    Task<QueueFill?> Append(RuleMessage message, CancellationToken cancellation);

    /// <returns>Null: there is no such queue.</returns>
    Task<QueueFill?> GetFill(string rule, CancellationToken cancellation);

    /// <summary>Counts what each publisher has in the queue: as much work as the queue is long.</summary>
    /// <param name="messageBytes">What a message counts at least.</param>
    /// <param name="atLeastBytes">Those that have less are left out.</param>
    Task<IReadOnlyList<PublisherFill>> GetHolders(string rule, long messageBytes, long atLeastBytes, CancellationToken cancellation);
}

/// <summary>The section <c>Fleet:Rules</c>, as far as gateways go by it: how much may wait for a rule's action.</summary>
internal sealed class RuleQueueOptions
{
    public const string Section = "Fleet:Rules";

    /// <summary>
    /// Messages that wait for the action of one rule; more are refused (0x97), so that their publishers keep them. At 100 messages a
    /// second, that is a quarter of an hour in which a receiver may be down.
    /// </summary>
    [Range(1, 100_000_000)] public long MaxQueuedMessages { get; set; } = 100_000;

    /// <summary>Their payloads, in bytes.</summary>
    [Range(1_024, long.MaxValue)] public long MaxQueuedBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>
    /// What of <see cref="MaxQueuedBytes"/> one publisher may hold, a sixteenth by default; a device that sends 1 KiB a second gets through
    /// a pause of its rule of an hour and three quarters. Each message counts at least the bytes that make as many as
    /// <see cref="MaxQueuedMessages"/>, so that neither of the two is used up by one.
    /// </summary>
    [Range(1_024, long.MaxValue)] public long MaxQueuedBytesPerPublisher { get; set; } = 16L * 1024 * 1024;

    /// <summary>What a message counts at least toward a publisher's share.</summary>
    public long ShareMessageBytes => Math.Max(1, MaxQueuedBytes / MaxQueuedMessages);

    /// <summary>
    /// Payload bytes that are on the way to the store, per rule and gateway. Only QoS 0 comes without waiting for what came before, so only
    /// that is ever dropped here: when the disk is slower than the network.
    /// </summary>
    [Range(1_024, int.MaxValue)] public int MaxPendingBytes { get; set; } = 16 * 1024 * 1024;
}
