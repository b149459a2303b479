using System.ComponentModel.DataAnnotations;
using Fleet.Gateway.Telemetry;

namespace Fleet.Gateway.Retained;

/// <summary>How much may be retained: of the section <c>Fleet:Gateway</c>. A message counts with its topic and properties.</summary>
internal sealed class RetainedOptions
{
    /// <summary>Topics with a retained message. Each takes some 500 bytes of memory beside its own.</summary>
    [Range(0, 100_000_000)] public int MaxRetainedMessages { get; set; } = 1_000_000;

    /// <summary>Bytes of all of them; each gateway has them in memory, and the store on disk.</summary>
    [Range(0, long.MaxValue)] public long MaxRetainedBytes { get; set; } = 512 * 1024 * 1024;

    /// <summary>
    /// Topics whose retained message one certificate, operator, or all clients of the plain port have set: far more than a device's own,
    /// and a hundredth of all.
    /// </summary>
    [Range(0, 100_000_000)] public int MaxRetainedMessagesPerPrincipal { get; set; } = 10_000;

    /// <summary>Bytes of those: 128 of the largest messages, and a thirty-second of all.</summary>
    [Range(0, long.MaxValue)] public long MaxRetainedBytesPerPrincipal { get; set; } = 16 * 1024 * 1024;

    public string Explain(RetainedLimit limit) => limit switch
    {
        RetainedLimit.Messages => $"There are too many topics with retained messages: {MaxRetainedMessages} (MaxRetainedMessages).",
        RetainedLimit.Bytes => $"The retained messages take {MaxRetainedBytes} bytes, and no more (MaxRetainedBytes).",
        RetainedLimit.PrincipalMessages =>
            $"This certificate or user has all topics it may: {MaxRetainedMessagesPerPrincipal} (MaxRetainedMessagesPerPrincipal).",
        _ => $"This certificate or user has all retained bytes it may: {MaxRetainedBytesPerPrincipal} (MaxRetainedBytesPerPrincipal).",
    };
}
