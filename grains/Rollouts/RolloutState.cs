using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>What the rollout granted a shard, and what the shard said last.</summary>
internal sealed record ShardSlot
{
    public int Size { get; init; }

    /// <summary>Offers it may have begun in all; what it has not used is taken away by a stop.</summary>
    public int Granted { get; init; }
    public long Version { get; init; }
    public int Generation { get; init; }
    public bool Settled { get; init; }
    public int Admitted { get; init; }
    public int Slots { get; init; }
    public RolloutCounts Counts { get; init; } = new();

    /// <summary>Granted, and not seen to be used.</summary>
    [JsonIgnore]
    public int Outstanding => Granted - Admitted;
}

internal sealed record RolloutState : ICatalogued
{
    /// <summary>Null until it is created.</summary>
    public RolloutId? Id { get; init; }
    public RolloutRequest? Request { get; init; }
    public RolloutStatus Status { get; init; }
    public StopReason? StopReason { get; init; }
    public string? StopDetail { get; init; }
    public int Phase { get; init; }
    public int TargetSize { get; init; }

    /// <summary>Grows with every stop, resume and cancel: what belongs to an older one is late.</summary>
    public int Generation { get; init; }
    public ImmutableArray<ShardSlot> Shards { get => field.IsDefault ? [] : field; init; }

    /// <summary>When admissions were granted last, and the fraction of one that was left over.</summary>
    public DateTimeOffset GrantedAt { get; init; }
    public double Carry { get; init; }

    /// <summary>Outcomes that gates look past: an operator resumed in spite of them.</summary>
    public ImmutableSortedDictionary<JobOutcome, int>? Overlooked { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }

    [JsonIgnore]
    public bool IsOver => Status is RolloutStatus.Cancelled or RolloutStatus.Completed;

    [JsonIgnore]
    public RolloutCounts Counts => RolloutCounting.Sum(Shards.Select(s => s.Counts));

    /// <summary>How many devices the phase reaches, counted from the start of the target.</summary>
    public int SizeOfPhase(int phase) =>
        // decimal: 7 % of 100 devices is 7 of them, and not 8.
        (int)Math.Ceiling((decimal)Request!.Plan.Phases[phase].Percent * TargetSize / 100);

    public CatalogRow? ToCatalogRow() => Id is { } id
        ? new CatalogRow("rollout", id.Value, JsonNamingPolicy.CamelCase.ConvertName(Status.ToString()), CreatedAt)
        : null;

    public RolloutView? ToView() => Id is { } id
        ? new RolloutView
        {
            Id = id,
            Request = Request!,
            Status = Status,
            StopReason = StopReason,
            StopDetail = StopDetail,
            Phase = Phase,
            PhaseSize = SizeOfPhase(Phase),
            TargetSize = TargetSize,
            Counts = Counts,
            CreatedAt = CreatedAt,
            EndedAt = EndedAt,
        }
        : null;
}

[JsonSerializable(typeof(RolloutState)), JsonSerializable(typeof(ShardState))]
internal sealed partial class RolloutsJson : JsonSerializerContext;
