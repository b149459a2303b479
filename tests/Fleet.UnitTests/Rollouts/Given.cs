using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

/// <summary>Names, plans and states that tests start from.</summary>
internal static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    public static readonly RolloutId Rollout = Name<RolloutId>("r-1");
    public static readonly JobId Job = Name<JobId>("r-1");
    public static readonly ModelName Amr = Name<ModelName>("amr");
    public static readonly FirmwareVersion V1 = Name<FirmwareVersion>("1.0.0");
    public static readonly FirmwareVersion V2 = Name<FirmwareVersion>("2.0.0");
    public static readonly StreamId Stream = Name<StreamId>("fw-2");

    public static readonly RolloutPlan Plan = new()
    {
        Phases = [new(100)],
        Rate = new() { BasePerMinute = 60, IncrementFactor = 1, EverySucceeded = null, MaximumPerMinute = 60 },
        ConcurrencyTotal = 1000,
        Gates = [],
        Deadlines = new(TimeSpan.FromHours(1), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(10)),
        Proof = new(Boot: true, TimeSpan.Zero),
    };

    public static T Name<T>(string text) where T : struct, IName<T> => T.TryParse(text, out var name) ? name : throw new ArgumentException(text);

    public static ThingName Thing(int number) => Name<ThingName>($"thing-{number:000}");

    public static RolloutRequest Request(RolloutPlan? plan = null) => new("test", new("model:amr", null), Amr, V2, plan ?? Plan);

    public static RolloutState Running(RolloutPlan plan, params int[] shardSizes) =>
        RolloutCore.Apply(new(), new RolloutStarted(Rollout, Request(plan), [.. shardSizes], Noon));

    public static ShardAssignment Assignment(int devices, RolloutPlan? plan = null, int shard = 0, int first = 0) => new()
    {
        Rollout = Rollout,
        Shard = shard,
        FirstPosition = first,
        Things = [.. Enumerable.Range(first, devices).Select(Thing)],
        Model = Amr,
        Version = V2,
        Stream = Stream,
        Document = """{"afr_ota":{}}""",
        Deadlines = (plan ?? Plan).Deadlines,
        Proof = (plan ?? Plan).Proof,
    };

    public static JobOffer Offer(int number = 1, string job = "r-1", bool bootProof = true, TimeSpan healthyFor = default) => new(
        Name<JobId>(job), number, $"{job}/0", Amr, V2, Stream, """{"afr_ota":{}}""", Noon.AddDays(1), bootProof, healthyFor);

    public static ShardReport Counted(int shard, long version, RolloutCounts counts, int admitted = 0, int generation = 1, bool settled = false, int slots = 0) =>
        new(shard, version, generation, settled, admitted, slots, counts);

    public static RolloutCounts Counts(int pending = 0, int queued = 0, int downloading = 0, params (JobOutcome, int)[] outcomes) => new()
    {
        Pending = pending,
        Queued = queued,
        Downloading = downloading,
        Outcomes = outcomes.ToImmutableSortedDictionary(o => o.Item1, o => o.Item2),
    };
}
