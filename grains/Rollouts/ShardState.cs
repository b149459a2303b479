using System.Text.Json.Serialization;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <summary>What the shard has asked a device for and has no answer to; asked again until there is one.</summary>
internal enum ShardAsk { Offer, Withdraw, Cancel }

/// <summary>One device of the shard. Most of them wait most of the time: what does not apply is left out of the record.</summary>
internal sealed record ShardExecution
{
    public ThingName Thing { get; init; }

    /// <summary>The last execution number offered; 0 before the first.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Number { get; init; }

    /// <summary>Null while it waits to be admitted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JobStage? Stage { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JobOutcome? Outcome { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? Detail { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ShardAsk? Asked { get; init; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? AskedAt { get; init; }

    /// <summary>Of the last report taken; an older one is late.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long Revision { get; init; }

    /// <summary>When it entered the stage (or ended): its deadline counts from here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? StageAt { get; init; }

    /// <summary>The last sign of progress: its slot is leased from here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? ProgressAt { get; init; }

    /// <summary>When its proof may be complete.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? ReviewAt { get; init; }

    /// <summary>When the device was last asked to look at it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? ReviewedAt { get; init; }

    [JsonIgnore]
    public bool IsPending => Stage is null;

    [JsonIgnore]
    public bool IsOpen => Stage is not null && Outcome is null;
}

/// <summary>The job that every device of the shard is offered.</summary>
internal sealed record ShardJob(
    RolloutId Rollout, ModelName Model, FirmwareVersion Version, StreamId Stream, string Document, RolloutDeadlines Deadlines,
    RolloutProof Proof);

internal sealed record ShardState
{
    /// <summary>Null until it has devices.</summary>
    public ShardJob? Job { get; init; }
    public int Shard { get; init; }
    public long FirstPosition { get; init; }

    /// <summary>0 until the first order.</summary>
    public int Generation { get; init; }
    public ShardOrderKind Order { get; init; } = ShardOrderKind.Stop;
    public int Allowance { get; init; }
    public int Admitted { get; init; }
    public int Slots { get; init; }

    /// <summary>Of what the rollout is told.</summary>
    public long Version { get; init; }
    public ImmutableArray<ShardExecution> Executions { get => field.IsDefault ? [] : field; init; }

    /// <summary>Some execution is under way, so time matters.</summary>
    [JsonIgnore]
    public bool IsActive => Executions.Any(e => e.IsOpen);

    /// <summary>Every execution has an outcome.</summary>
    [JsonIgnore]
    public bool IsOver => Executions.All(e => e.Outcome is not null);

    public ShardReport ToReport() => new(
        Shard, Version, Generation,
        Settled: Order is ShardOrderKind.Stop && !Executions.Any(e => e.Asked is not null),
        Admitted, Slots, RolloutCounting.Of(Executions));

    public int IndexOf(ThingName thing)
    {
        for (int i = 0; i < Executions.Length; i++)
        {
            if (Executions[i].Thing == thing) return i;
        }
        return -1;
    }
}
