using Fleet.Grains.Devices;
using Fleet.Grains.Jobs;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;

namespace Fleet.UnitTests.Rollouts;

/// <summary>
/// A rollout, its shards and their devices as pure cores, joined by a network that loses, repeats and delays, on machines that lose what
/// they had not stored. Everything that happens is drawn from one seed.
/// </summary>
internal sealed class CoreFleet
{
    private readonly Random _random;
    private readonly List<Action> _network = [];
    private readonly Cell<RolloutState> _rollout;
    private readonly Cell<ShardState>[] _shards;
    private readonly long[] _told;
    private readonly CoreDevice[] _devices;
    private readonly Dictionary<(int Shard, long Version), RolloutCounts> _reported = [];
    private bool _kind;

    public CoreFleet(int seed)
    {
        _random = new Random(seed);
        int[] sizes = [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => _random.Next(1, 8))];
        var plan = RandomPlan();
        _rollout = new(Given.Running(plan, sizes));
        _told = new long[sizes.Length];
        _devices = [.. Enumerable.Range(0, sizes.Sum()).Select(i => new CoreDevice(Given.Thing(i), _random))];
        int first = 0;
        _shards = [.. sizes.Select((size, shard) =>
        {
            var cell = new Cell<ShardState>(ShardTransitions.Apply(new(), new ShardOpened(Given.Assignment(size, plan, shard, first))));
            first += size;
            return cell;
        })];
    }

    public DateTimeOffset Now { get; private set; } = Given.Noon;
    public RolloutState Rollout => _rollout.Memory;
    public ImmutableArray<ShardState> Shards => [.. _shards.Select(s => s.Memory)];
    public IReadOnlyList<CoreDevice> Devices => _devices;

    /// <summary>One thing happens.</summary>
    public void Step()
    {
        switch (_random.Next(100))
        {
            case < 55: Deliver(); break;
            case < 75: Act(_devices[_random.Next(_devices.Length)]); break;
            case < 92: Pass(TimeSpan.FromSeconds(_random.Next(1, _random.Next(10) == 0 ? 400 : 4))); break;
            case < 94: Command(_random.Next(6) switch { 0 => new CancelRollout(), < 3 => new PauseRollout(), _ => new ResumeRollout() }); break;
            case < 96: OfferAnotherJob(); break;
            default: Crash(); break;
        }
    }

    /// <summary>From now on nothing goes wrong but what the devices are made to do, and an operator resumes what is paused.</summary>
    public void BeKind() => _kind = true;

    public void RunUntilQuiet()
    {
        while (_network.Count > 0) Deliver();
        Command(new ResumeRollout());
        foreach (var device in _devices) Act(device);
        Pass(TimeSpan.FromSeconds(20));
    }

    /// <summary>The counts that the shard reported under this version.</summary>
    public RolloutCounts Reported(int shard, long version) => version == 0
        ? new() { Pending = Shards[shard].Executions.Length }
        : _reported[(shard, version)];

    public override string ToString() => string.Join('\n', [
        $"{Now:T} {Rollout.Status} generation {Rollout.Generation}, phase {Rollout.Phase}, concurrency {Rollout.Request!.Plan.ConcurrencyTotal}, {Rollout.Counts}",
        .. Rollout.Shards.Select(s => $"rollout's: {s}"),
        .. Shards.Select(s => $"shard's: {s.Order} generation {s.Generation}, allowance {s.Allowance}, {s.ToReport()}")]);

    private void Pass(TimeSpan time)
    {
        Now += time;
        Command(new TickRollout());
        for (int i = 0; i < _shards.Length; i++)
        {
            Run(i, new TickShard());
            Tell(i);
        }
        foreach (var device in _devices) SendOutbox(device);
    }

    private void Deliver()
    {
        if (_network.Count == 0) return;
        int which = _random.Next(_network.Count);
        var message = _network[which];
        if (_kind || _random.Next(8) > 0) _network.RemoveAt(which);
        // Lost on the way; whoever sent it notices nothing.
        if (!_kind && _random.Next(8) == 0) return;
        message();
    }

    private void Post(Action message) => _network.Add(message);

    private void Command(RolloutCommand command)
    {
        var decision = RolloutCore.Decide(_rollout.Memory, command, Now);
        _rollout.Set(decision.Events.Aggregate(_rollout.Memory, RolloutCore.Apply), store: !decision.Events.IsEmpty);
        foreach (var effect in decision.Effects)
        {
            var order = RolloutCore.OrderFor(_rollout.Memory, effect.Shard);
            Post(() => Run(effect.Shard, new FollowOrder(order)));
        }
    }

    private void Run(int shard, ShardCommand command)
    {
        var (state, decision) = RolloutShardCore.Run(_shards[shard].Memory, [command], Now);
        _shards[shard].Set(state, store: decision.Events.Any(e => e.IsDurable));
        _reported[(shard, state.Version)] = state.ToReport().Counts;
        foreach (var effect in decision.Effects) Post(() => Call(shard, effect));
        if (decision.Events.Any(e => e is StandingChanged)) Tell(shard);
    }

    private void Tell(int shard)
    {
        var report = _shards[shard].Memory.ToReport();
        if (report.Version <= _told[shard]) return;
        Post(() =>
        {
            Command(new CountShard(report));
            Post(() => _told[shard] = Math.Max(_told[shard], report.Version));
        });
    }

    private void Call(int shard, ShardEffect effect)
    {
        var job = _shards[shard].Memory.Job!;
        var device = _devices.Single(d => d.Thing == _shards[shard].Memory.Executions[effect.Index].Thing);
        ShardCommand answer = effect switch
        {
            SendOffer => new AcceptOfferAnswer(effect.Index, effect.Number, Ask(device, DeviceOffers.Offer(
                device.State, Given.Offer(effect.Number, healthyFor: job.Proof.HealthyFor) with { ReportTo = $"{shard}" }, Now))),
            SendWithdraw => new AcceptWithdrawAnswer(
                effect.Index, effect.Number, Ask(device, DeviceOffers.Withdraw(device.State, Given.Job, effect.Number, Now))),
            SendCancel => new AcceptCancelAnswer(
                effect.Index, effect.Number, Ask(device, DeviceOffers.Cancel(device.State, device.Thing, Given.Job, effect.Number, Now))),
            SendReview r => new AcceptReviewAnswer(
                effect.Index, effect.Number, Ask(device, DeviceOffers.Review(device.State, device.Thing, Given.Job, effect.Number, r.Stage, r.Expired, Now))),
            _ => throw new InvalidOperationException(),
        };
        Post(() => Run(shard, answer));
    }

    private TAnswer Ask<TAnswer>(CoreDevice device, DeviceDecision<TAnswer> decision)
    {
        device.Apply(decision);
        SendOutbox(device);
        return decision.Answer;
    }

    private void Act(CoreDevice device)
    {
        device.Act(Now, _kind);
        SendOutbox(device);
    }

    private void SendOutbox(CoreDevice device)
    {
        foreach (var owed in device.State.Outbox.Reports)
        {
            if (device.State.Find(owed.JobId, owed.Number) is not { ReportTo: { } to } execution || owed.JobId != Given.Job)
            {
                device.Acknowledge(owed);
                continue;
            }
            var report = execution.ToReport(device.Thing);
            Post(() =>
            {
                Run(int.Parse(to), new AcceptReport(report));
                Post(() => device.Acknowledge(owed));
            });
        }
    }

    private void OfferAnotherJob()
    {
        var device = _devices[_random.Next(_devices.Length)];
        if (device.State.Open.Any(e => e.JobId != Given.Job)) return;
        Ask(device, DeviceOffers.Offer(device.State, Given.Offer(job: $"other-{_random.Next(1_000_000)}", bootProof: false), Now));
    }

    private void Crash()
    {
        switch (_random.Next(3))
        {
            case 0:
                _rollout.Crash();
                Command(new WakeRollout());
                break;
            case 1:
                int shard = _random.Next(_shards.Length);
                _shards[shard].Crash();
                _told[shard] = 0;
                Run(shard, new WakeShard());
                break;
            default: _devices[_random.Next(_devices.Length)].Crash(); break;
        }
    }

    private RolloutPlan RandomPlan() => Given.Plan with
    {
        Phases = _random.Next(2) == 0 ? [new(100)] : [new(30), new(60), new(100)],
        Rate = Given.Plan.Rate with { BasePerMinute = _random.Next(20, 400), MaximumPerMinute = 400 },
        ConcurrencyTotal = _random.Next(1, 12),
        Gates = _random.Next(3) switch
        {
            0 => [],
            1 => [new(GateFailure.Any, 50, 3, GateAction.Pause)],
            _ => [new(GateFailure.RolledBack, 30, 4, GateAction.Abort)],
        },
        Proof = new(Boot: true, TimeSpan.FromSeconds(_random.Next(2) * 40)),
    };
}

/// <summary>A record in memory and in the store.</summary>
internal sealed class Cell<T>(T initial)
{
    private T _stored = initial;

    public T Memory { get; private set; } = initial;

    public void Set(T state, bool store)
    {
        Memory = state;
        if (store) _stored = state;
    }

    public void Crash() => Memory = _stored;
}
