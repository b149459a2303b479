using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Certificates;

/// <summary>Event ids 2601 to 2699.</summary>
internal static partial class ClaimLog
{
    [LoggerMessage(2601, LogLevel.Warning, "Claim {Certificate} gets no certificate: {Detail}")]
    public static partial void ClaimRefused(this ILogger log, string certificate, string detail);
}
