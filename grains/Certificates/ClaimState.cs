using Fleet.Interfaces.Certificates;

namespace Fleet.Grains.Certificates;

/// <summary>What is kept of a claim's use.</summary>
internal sealed record ClaimState
{
    /// <summary>An operator's word for this claim.</summary>
    public ClaimLimits Limits { get; init; } = new(null, null);

    public int Issued { get; init; }

    /// <summary>Until when its rate is spent: see <see cref="ClaimCore"/>.</summary>
    public DateTimeOffset SpentUntil { get; init; }

    /// <summary>Ids of certificates that no device was registered with, and when each is abandoned.</summary>
    public ImmutableSortedDictionary<string, DateTimeOffset> Pending { get; init; } =
        ImmutableSortedDictionary.Create<string, DateTimeOffset>(StringComparer.Ordinal);
}
