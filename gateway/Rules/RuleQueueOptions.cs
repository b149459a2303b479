using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Rules;

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
    /// Payload bytes that are on the way to the store, per rule and gateway. Only QoS 0 comes without waiting for what came before, so only
    /// that is ever dropped here: when the disk is slower than the network.
    /// </summary>
    [Range(1_024, int.MaxValue)] public int MaxPendingBytes { get; set; } = 16 * 1024 * 1024;
}
