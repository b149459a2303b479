using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Sessions;

/// <summary>What one session may hold, and how many there may be: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class SessionOptions
{
    /// <summary>
    /// Sessions at a time, those whose client is away among them; a further client is refused (0x97; 3.1.1: 3). A connected one takes some
    /// 36 KiB, so these are about 9 GiB.
    /// </summary>
    [Range(1, 10_000_000)] public int MaxSessions { get; set; } = 250_000;

    [Range(1, 100_000)] public int MaxSubscriptionsPerSession { get; set; } = 50;

    /// <summary>QoS 1 and 2 messages unacknowledged at a time, each way.</summary>
    [Range(1, 65_535)] public int ReceiveMaximum { get; set; } = 100;

    /// <summary>Messages that wait for a slow or absent subscriber.</summary>
    [Range(1, 1_000_000)] public int MaxQueuedMessages { get; set; } = 1_000;

    /// <summary>Payload bytes that wait for a slow or absent subscriber.</summary>
    [Range(1_024, int.MaxValue)] public int MaxQueuedBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Bytes handed to the transport and not yet taken by it; above this, messages stay in the queue and requests wait.</summary>
    [Range(4_096, 16_777_216)] public int MaxOutboundBytes { get; set; } = 256 * 1024;
}
