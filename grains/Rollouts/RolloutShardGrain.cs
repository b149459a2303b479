using Fleet.Grains.Records;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Rollouts;

/// <summary>
/// What the shard owes (an offer, a withdrawal, a cancellation not answered yet) is part of its state, so that is its outbox: each is asked
/// again until it is answered.
/// </summary>
internal sealed class RolloutShardGrain : Grain, IRolloutShardGrain, IRemindable
{
    /// <summary>The shortest time from one write to the next.</summary>
    private static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);
    private const string Reminder = "wake";

    private readonly IPersistentState<ShardState> _record;
    private readonly TimeProvider _clock;
    private readonly RolloutMetrics _metrics;
    private readonly ILogger<RolloutShardGrain> _log;
    private readonly CommandBatcher<ShardCommand, bool> _commands;
    private readonly EffectPump<ShardEffect> _calls;
    private ShardState _saved = new();
    private IGrainTimer? _ticks;
    private long _toldVersion;
    private bool _telling;
    private bool _hasReminder;

    public RolloutShardGrain(
        [PersistentState("shard")] IPersistentState<ShardState> record, TimeProvider clock, RolloutMetrics metrics,
        ILogger<RolloutShardGrain> log)
    {
        (_record, _clock, _metrics, _log) = (record, clock, metrics, log);
        _commands = new(clock, Spacing, Decide);
        // Still owed, or still due: the next ticks see to it.
        _calls = new(
            Call, (effect, e) => log.DeviceUnreachable(e, this.GetPrimaryKeyString(), effect.GetType().Name, ThingOf(effect).Value));
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _saved = _record.State;
        // The rollout may not have heard how things stand.
        if (_saved.Generation > 0) Tell();
        if (!_saved.IsActive) return Task.CompletedTask;
        KeepTicking();
        return _commands.Submit(new WakeShard());
    }

    public Task Open(ShardAssignment assignment) => _commands.Submit(new OpenShard(assignment));

    public Task Direct(ShardOrder order) => _commands.Submit(new FollowOrder(order));

    public Task Report(ExecutionReport report) => _commands.Submit(new AcceptReport(report));

    public Task ReceiveReminder(string reminderName, TickStatus status) => RestIfDone();

    public Task<RolloutExecutionPage> GetExecutions(long after, int limit)
    {
        int from = (int)Math.Clamp(after + 1 - _saved.FirstPosition, 0, _saved.Executions.Length);
        int count = Math.Min(limit, _saved.Executions.Length - from);
        return Task.FromResult(new RolloutExecutionPage([.. Enumerable.Range(from, count).Select(i => View(_saved, i))]));
    }

    private static RolloutExecution View(ShardState state, int index) => state.Executions[index] is var x
        ? new(state.FirstPosition + index, x.Thing, x.Stage, x.Outcome, x.Detail, x.StageAt)
        : throw new System.Diagnostics.UnreachableException();

    private async Task<IReadOnlyList<bool>> Decide(IReadOnlyList<ShardCommand> commands)
    {
        var (next, decision) = RolloutShardCore.Run(_saved, commands, _clock.GetUtcNow());
        // The reminder before the record: executions under way, of which nobody heard, must still meet their deadlines.
        if (next.IsActive) await KeepReminder();
        _record.State = next;
        if (decision.Events.Any(e => e.IsDurable)) await Save();
        _saved = next;
        // Only now: until then a tick finds nothing under way, and ends the timer.
        if (next.IsActive) KeepTicking();
        foreach (var e in decision.Events) _metrics.Count(e);
        foreach (var effect in decision.Effects) _calls.Post(effect);
        Tell();
        return [.. commands.Select(_ => true)];
    }

    private Task Save() => this.Save(_record, _record.State);

    private ThingName ThingOf(ShardEffect effect) => _saved.Executions[effect.Index].Thing;

    /// <summary>Calls a device: what it answers comes back as a command.</summary>
    private async Task Call(ShardEffect effect) =>
        await _commands.Submit(await Ask(effect, GrainFactory.GetGrain<IDeviceGrain>(ThingOf(effect).Value)));

    private async Task<ShardCommand> Ask(ShardEffect effect, IDeviceGrain device)
    {
        var (index, number) = (effect.Index, effect.Number);
        var job = JobOf(_saved.Job!.Rollout);
        return effect switch
        {
            SendOffer => new AcceptOfferAnswer(index, number, await device.Offer(OfferOf(_saved, effect))),
            SendWithdraw => new AcceptWithdrawAnswer(index, number, await device.Withdraw(job, number)),
            SendCancel => new AcceptCancelAnswer(index, number, await device.Cancel(job, number)),
            SendReview r => new AcceptReviewAnswer(index, number, await device.Review(job, number, r.Stage, r.Expired)),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private JobOffer OfferOf(ShardState state, ShardEffect offer)
    {
        var (job, deadlines) = (state.Job!, state.Job!.Deadlines);
        var at = state.Executions[offer.Index].StageAt ?? _clock.GetUtcNow();
        return new(
            JobOf(job.Rollout), offer.Number, this.GetPrimaryKeyString(), job.Model, job.Version, job.Stream, job.Document,
            // For as long as the file may be needed at all: nobody fetches it after that.
            DownloadUntil: at + deadlines.Queued + deadlines.Downloading + deadlines.Installing,
            job.Proof.Boot, job.Proof.HealthyFor);
    }

    /// <summary>A rollout's id is the id of its job.</summary>
    private static JobId JobOf(RolloutId rollout) =>
        JobId.TryParse(rollout.Value, out var job) ? job : throw new System.Diagnostics.UnreachableException();

    /// <summary>Tells the rollout how the shard stands, as long as it does not know; one report at a time, and always the newest.</summary>
    private void Tell()
    {
        if (_telling || _saved.Version <= _toldVersion) return;
        _telling = true;
        _ = TellAll();
    }

    private async Task TellAll()
    {
        var rollout = GrainFactory.GetGrain<IRolloutGrain>(_saved.Job!.Rollout.Value);
        try
        {
            while (_saved.Version > _toldVersion)
            {
                var report = _saved.ToReport();
                await rollout.Report(report);
                _toldVersion = report.Version;
            }
        }
        catch (Exception e)
        {
            _log.RolloutUnreachable(e, this.GetPrimaryKeyString());
            KeepTicking();
        }
        _telling = false;
    }

    private async Task KeepReminder()
    {
        if (_hasReminder) return;
        await this.RegisterOrUpdateReminder(Reminder, ReminderPeriod, ReminderPeriod);
        _hasReminder = true;
    }

    private void KeepTicking() =>
        _ticks ??= this.RegisterGrainTimer(
            Tick, new GrainTimerCreationOptions(TickPeriod, TickPeriod) { Interleave = true, KeepAlive = true });

    private async Task Tick()
    {
        Tell();
        if (_saved.IsActive) await _commands.Submit(new TickShard());
        else await RestIfDone();
    }

    /// <summary>
    /// The timer ends when nothing is under way, the reminder when nothing can be any more; both only once the rollout knows.
    /// </summary>
    private async Task RestIfDone()
    {
        if (_saved.IsActive || _saved.Version > _toldVersion) return;
        _ticks?.Dispose();
        _ticks = null;
        if (_saved.IsOver && await this.GetReminder(Reminder) is { } reminder)
        {
            await this.UnregisterReminder(reminder);
            _hasReminder = false;
        }
    }
}
