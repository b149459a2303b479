using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Policies;

/// <summary>What a claim may do besides what its policy says: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class ClaimSessionOptions
{
    /// <summary>
    /// Sessions of one claim at a time at this gateway; a further client is refused (0x97; 3.1.1: 3). A device needs its claim for a second
    /// or two, so fifty let in some thirty a second.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxSessionsPerClaim { get; set; } = 50;
}
