using Fleet.Grains.Index;
using Fleet.Grains.Records;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Rollouts;

/// <summary>
/// What the shards still have to be told follows from the state, so that is its outbox: an order is repeated until the shard's report shows
/// that it was followed.
/// </summary>
internal sealed class RolloutGrain : Grain, IRolloutGrain, IRemindable
{
    /// <summary>The shortest time from one write to the next.</summary>
    private static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TickPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);
    private const string Reminder = "wake";

    private readonly IPersistentState<RolloutState> _record;
    private readonly IFleetIndex _index;
    private readonly TimeProvider _clock;
    private readonly RolloutMetrics _metrics;
    private readonly ILogger<RolloutGrain> _log;
    private readonly CommandBatcher<RolloutCommand, RolloutStatus?> _turns;
    private readonly EffectPump<int> _orders;
    private RolloutState _saved = new();
    private IGrainTimer? _ticks;

    public RolloutGrain(
        [PersistentState("rollout")] IPersistentState<RolloutState> record, IFleetIndex index, TimeProvider clock, RolloutMetrics metrics,
        ILogger<RolloutGrain> log)
    {
        (_record, _index, _clock, _metrics, _log) = (record, index, clock, metrics, log);
        _turns = new(clock, Spacing, Decide);
        // The shard still owes it, so the next tick tells it again.
        _orders = new(Direct, (shard, e) => log.ShardUnreachable(e, this.GetPrimaryKeyString(), shard));
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(_record);
        _saved = _record.State;
        return Wake();
    }

    public async Task<CreateRolloutResult> Create(RolloutRequest request)
    {
        if (_saved.ToView() is { } there)
            return RolloutRequests.Same(there.Request, request)
                ? new CreateRolloutResult.Created(there) : new CreateRolloutResult.Conflict();
        if (RolloutPlanRules.Check(request) is { } invalid) return invalid;

        var id = RolloutId.TryParse(this.GetPrimaryKeyString(), out var key)
            ? key : throw new InvalidOperationException("The key is not a rollout id.");
        var firmware = await GrainFactory.GetGrain<IFirmwareGrain>($"{request.Model}/{request.Version}").Get();
        if (firmware is null)
            return new CreateRolloutResult.Invalid("firmware.version", $"There is no firmware {request.Version} for '{request.Model}'.");
        if (firmware.Status is not FirmwareStatus.Published)
            return new CreateRolloutResult.Invalid(
                "firmware.version", $"Firmware {request.Version} for '{request.Model}' is not published.");
        var target = await RolloutTargeting.Resolve(_index, id, request.Target, request.Model);
        if (target.Invalid is { } wrong) return wrong;

        // The shards first, then the rollout. If this ends halfway nothing has started, and a repeat gives the shards their devices anew.
        var shards = target.Things.Chunk(RolloutCore.ShardSize).ToArray();
        await Task.WhenAll(shards.Select((things, shard) => Shard(id, shard).Open(Assign(id, request, firmware, things, shard))));
        // The reminder before the record: a rollout that has started, and of which nobody heard, must still be woken.
        await this.RegisterOrUpdateReminder(Reminder, ReminderPeriod, ReminderPeriod);
        await _turns.Submit(new StartRollout(id, request, [.. shards.Select(s => s.Length)]));
        KeepTicking();
        return new CreateRolloutResult.Created(_saved.ToView()!);
    }

    public Task<RolloutView?> Get() => Task.FromResult(_saved.ToView());

    public Task<RolloutCommandResult> Pause() => Command(new PauseRollout());

    public Task<RolloutCommandResult> Resume() => Command(new ResumeRollout());

    public Task<RolloutCommandResult> Cancel() => Command(new CancelRollout());

    public async Task Wake()
    {
        if (_saved.Id is null || _saved.IsOver) return;
        KeepTicking();
        await _turns.Submit(new WakeRollout());
    }

    public Task Report(ShardReport report) => _turns.Submit(new CountShard(report));

    // Without an id it was never started: whoever asks again sets the reminder again.
    public Task ReceiveReminder(string reminderName, TickStatus status) => _saved.Id is null || _saved.IsOver ? StopTicking() : Wake();

    public async Task<RolloutExecutionPage> GetExecutions(long after, int limit)
    {
        var executions = ImmutableArray.CreateBuilder<RolloutExecution>();
        for (long shard = Math.Max(0, after + 1) / RolloutCore.ShardSize; shard < _saved.Shards.Length && executions.Count < limit; shard++)
            executions.AddRange((await Shard(_saved.Id!.Value, (int)shard).GetExecutions(after, limit - executions.Count)).Executions);
        return new(executions.ToImmutable());
    }

    private async Task<RolloutCommandResult> Command(RolloutCommand command)
    {
        if (_saved.Id is null) return new RolloutCommandResult.NotFound();
        return await _turns.Submit(command) is { } status
            ? new RolloutCommandResult.NotAllowed(status)
            : new RolloutCommandResult.Accepted(_saved.ToView()!);
    }

    private async Task<IReadOnlyList<RolloutStatus?>> Decide(IReadOnlyList<RolloutCommand> commands)
    {
        var (now, next) = (_clock.GetUtcNow(), _saved);
        var decisions = new List<RolloutDecision>(commands.Count);
        foreach (var command in commands)
        {
            var decision = RolloutCore.Decide(next, command, now);
            next = decision.Events.Aggregate(next, RolloutCore.Apply);
            decisions.Add(decision);
        }
        if (decisions.Any(d => !d.Events.IsEmpty)) await Save(next);
        _saved = next;
        foreach (var e in decisions.SelectMany(d => d.Events)) Tell(e);
        foreach (var effect in decisions.SelectMany(d => d.Effects).Distinct()) _orders.Post(effect.Shard);
        if (next.IsOver && _ticks is not null) await StopTicking();
        return [.. decisions.Select(d => d.NotAllowedWhile)];
    }

    private Task Save(RolloutState next) => this.Save(_record, next);

    /// <summary>Gives the order; the shard's report says what came of it.</summary>
    private async Task Direct(int shard)
    {
        int generation;
        do
        {
            generation = _saved.Generation;
            await Shard(_saved.Id!.Value, shard).Direct(RolloutCore.OrderFor(_saved, shard));
        }
        // A stop that was decided while a grant was on its way follows it at once.
        while (generation != _saved.Generation);
    }

    private void Tell(RolloutEvent e)
    {
        string id = this.GetPrimaryKeyString();
        switch (e)
        {
            case RolloutStarted s: _log.Started(id, s.ShardSizes.Sum(), s.ShardSizes.Length); break;
            case PhaseStarted p: _log.PhaseReached(id, p.Phase, _saved.SizeOfPhase(p.Phase), _saved.TargetSize); break;
            case RolloutStopping s:
                _log.Stops(id, s.Reason, s.Detail);
                _metrics.Stopped(s.Reason);
                break;
            case RolloutCancelling c:
                _log.IsCancelled(id, c.Reason, c.Detail);
                _metrics.Stopped(c.Reason);
                break;
            case RolloutPaused: _log.Reached(id, RolloutStatus.Paused); break;
            case RolloutResumed: _log.Resumed(id); break;
            case RolloutEnded d: _log.Reached(id, d.Status); break;
        }
    }

    private void KeepTicking() =>
        _ticks ??= this.RegisterGrainTimer(
            Tick, new GrainTimerCreationOptions(TickPeriod, TickPeriod) { Interleave = true, KeepAlive = true });

    private Task Tick() => _turns.Submit(new TickRollout());

    private async Task StopTicking()
    {
        _ticks?.Dispose();
        _ticks = null;
        if (await this.GetReminder(Reminder) is { } reminder) await this.UnregisterReminder(reminder);
    }

    private IRolloutShardGrain Shard(RolloutId id, int shard) => GrainFactory.GetGrain<IRolloutShardGrain>($"{id}/{shard}");

    private static ShardAssignment Assign(
        RolloutId id, RolloutRequest request, FirmwareView firmware, ThingName[] things, int shard) => new()
    {
        Rollout = id,
        Shard = shard,
        FirstPosition = (long)shard * RolloutCore.ShardSize,
        Things = [.. things],
        Model = request.Model,
        Version = request.Version,
        Stream = firmware.Stream,
        Document = FirmwareJob.Document(firmware),
        Deadlines = request.Plan.Deadlines,
        Proof = request.Plan.Proof,
    };
}
