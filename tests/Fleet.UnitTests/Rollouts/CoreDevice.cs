using Fleet.Grains.Devices;
using Fleet.Grains.Jobs;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Rollouts;

/// <summary>A device grain's core, and a device in front of it that does its job well, badly, or not at all.</summary>
internal sealed class CoreDevice
{
    private enum Fate { Good, GoesSilent, FailsInstall, Rejects, BootsOld, NeverHealthy, ReportsOnly }

    private static readonly string[] Steps = ["downloading", "installing", "confirming"];

    private readonly Random _random;
    private readonly Cell<DeviceState> _cell;
    private readonly Fate _fate;
    private readonly int _silentAfter;
    private FirmwareVersion _running = Given.V1;
    private int _sessions;
    private int _acts;
    private long _shadow;

    public CoreDevice(ThingName thing, Random random)
    {
        (Thing, _random) = (thing, random);
        _fate = random.Next(3) == 0 ? (Fate)random.Next(1, 7) : Fate.Good;
        _silentAfter = random.Next(1, 12);
        _cell = new(DeviceCore.Apply(new(), new DeviceRegistered(
            thing, Given.Amr, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator, Given.Noon)));
    }

    public ThingName Thing { get; }
    public DeviceState State => _cell.Memory;

    /// <summary>Execution numbers of the rollout's job that this device ever started.</summary>
    public HashSet<int> Started { get; } = [];

    /// <summary>Whether the device ever ran the new version.</summary>
    public bool Updated => _running == Given.V2;

    public void Apply<TAnswer>(DeviceDecision<TAnswer> decision)
    {
        foreach (var e in decision.Events.OfType<ExecutionProgressed>())
        {
            if (e.JobId == Given.Job) Started.Add(e.Number);
        }
        var next = decision.Events.Aggregate(State, DeviceCore.Apply);
        next = next with { Outbox = decision.Effects.Aggregate(next.Outbox, (outbox, effect) => outbox.With(effect)) };
        _cell.Set(next, store: decision.Events.Any(e => e.IsDurable));
    }

    public void Acknowledge(OwedReport owed) => _cell.Set(State with { Outbox = State.Outbox.WithoutReport(owed) }, store: false);

    public void Crash() => _cell.Crash();

    public void Act(DateTimeOffset now, bool kind)
    {
        if (_fate is Fate.GoesSilent && ++_acts > _silentAfter) return;
        if (State.Session is null)
        {
            Connect(now);
            return;
        }
        if (!kind && _random.Next(12) == 0)
        {
            Apply(DevicePresence.Disconnected(State, State.Session.SessionId, DisconnectReason.ConnectionLost, now, now));
            return;
        }
        var head = JobQueue.Head(State.Open);
        if (head is null) return;
        if (head.Status is JobExecutionStatus.Queued)
        {
            if (_random.Next(2) == 0) Apply(DeviceJobs.StartNext(State, Thing, new StartNextJob(null), now));
            else Update(head, JobExecutionStatus.InProgress, "downloading", now);
        }
        else Work(head, now);
    }

    private void Work(DeviceExecution head, DateTimeOffset now)
    {
        if (head.JobId != Given.Job) Update(head, JobExecutionStatus.Succeeded, null, now);
        else if (head.Stage is JobStage.Confirming) Restart(head, now);
        else if (_fate is Fate.Rejects) Update(head, JobExecutionStatus.Rejected, null, now);
        else if (_fate is Fate.FailsInstall && head.Stage is JobStage.Installing) Update(head, JobExecutionStatus.Failed, null, now);
        // Some report the same step again, some say SUCCEEDED before they restart.
        else if (head.Stage is JobStage.Installing && _random.Next(4) == 0) Update(head, JobExecutionStatus.Succeeded, null, now);
        else Update(head, JobExecutionStatus.InProgress, Steps[Math.Min((int)head.Stage + _random.Next(2) - 1, 2)], now);
    }

    private void Restart(DeviceExecution head, DateTimeOffset now)
    {
        if (head.BackEpoch is null)
        {
            Apply(DevicePresence.Disconnected(State, State.Session!.SessionId, DisconnectReason.ClientInitiatedDisconnect, now, now));
            if (_fate is not (Fate.BootsOld or Fate.ReportsOnly)) _running = Given.V2;
            Connect(now);
        }
        Report(now);
        if (State.Find(head.JobId, head.Number) is { } still && _random.Next(2) == 0)
            Update(still, _fate is Fate.BootsOld ? JobExecutionStatus.Failed : JobExecutionStatus.Succeeded, null, now);
    }

    private void Connect(DateTimeOffset now)
    {
        Apply(DevicePresence.Connected(State, new DeviceSession($"{Thing}-{_sessions}", "gateway", "::1", now, new(++_sessions)), now));
        if (State.Open.Any(e => e.AwaitsProof) && _fate is not (Fate.BootsOld or Fate.ReportsOnly)) _running = Given.V2;
        Report(now);
    }

    private void Report(DateTimeOffset now)
    {
        if (_fate is Fate.ReportsOnly) return;
        Apply(DevicePresence.Report(State, new FirmwareReport(_running, _fate is not Fate.NeverHealthy, ++_shadow, now, new(_sessions)), now));
    }

    private void Update(DeviceExecution execution, JobExecutionStatus status, string? step, DateTimeOffset now) => Apply(DeviceJobs.Update(
        State, Thing,
        new UpdateJob(execution.JobId, status, step is null ? null : ImmutableSortedDictionary<string, string>.Empty.Add("step", step), null, execution.Number),
        now));
}
