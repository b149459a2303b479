using System.Diagnostics.Metrics;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Telemetry;

namespace Fleet.Grains.Certificates;

/// <summary>Meter "Fleet.Claims". Claims are no tags: they are as many as operators make.</summary>
public sealed class ClaimMetrics
{
    private static readonly KeyValuePair<string, object?>[] LimitTags = ClosedSeries.TagsOf<ClaimLimit>("limit");

    private readonly Counter<long> _refused;

    public ClaimMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _refused = meters.Create("Fleet.Claims").CreateCounter<long>(
            "fleet.claim.refused", "{certificate}", "Certificates that a claim asked for beyond what it may have.")
            .StartedAtZero(LimitTags);
    }

    internal void Refused(ClaimLimit limit) => _refused.Add(1, LimitTags[(int)limit]);
}
