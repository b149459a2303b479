using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.World;

/// <summary>A device: it fetches, installs, restarts and reports, well or badly by its fate, and repeats what is not answered.</summary>
internal sealed class SimulatedDevice
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(15);
    private static readonly ImmutableSortedDictionary<string, string> NoDetails = ImmutableSortedDictionary<string, string>.Empty;

    private readonly SimulatedWorld _world;
    private readonly Random _random;
    private UpdateStep? _silentAt;
    private SimulatedGateway? _gateway;
    private string? _session;
    private DeviceUpdate? _update;
    private (ExecutionKey Key, JobExecutionStatus Outcome)? _last;
    private int _sessions;
    private int _life;
    private int _request;
    private int _shadow;
    private VirtualClock.Timer? _patience;
    private bool _asking;
    private bool _working;
    private bool _reported;
    private bool _idle;
    private bool _silent;

    public SimulatedDevice(SimulatedWorld world, string name, Random random)
    {
        (_world, Name, _random) = (world, name, random);
        Thing = Names.Of<ThingName>(name);
        Fate = random.Chance(world.Settings.Faults.BadDevices) ? (Fate)random.Next(1, 9) : Fate.Good;
        _silentAt = (UpdateStep)random.Next((int)UpdateStep.Decided);
        Running = Names.Of<FirmwareVersion>(random.Next(20) == 0 && world.Settings.HasFaults ? "2.0.0" : "1.0.0");
    }

    public string Name { get; }
    public ThingName Thing { get; }
    public Fate Fate { get; }

    /// <summary>What runs now, and truly.</summary>
    public FirmwareVersion Running { get; private set; }

    /// <summary>It installs nothing below this.</summary>
    public FirmwareVersion? Floor { get; private set; }

    /// <summary>It came up with another version than the one installed.</summary>
    public HashSet<ExecutionKey> CameUpOld { get; } = [];

    public bool IsOnline => _session is not null;

    private bool IsHealthy => Fate is not Fate.NeverHealthy || Running.Value == "1.0.0";

    public void PowerOn()
    {
        if (_session is not null || _silent) return;
        int life = ++_life;
        (_asking, _working, _reported, _idle) = (false, false, false, false);
        if (_world.Gateway is not { IsOpen: true } gateway)
        {
            After(_random.UpTo(20), PowerOn);
            return;
        }
        int epoch = ++_sessions;
        string session = $"{Name}/{epoch}";
        // Whatever comes of it: a device that gets no answer tries again.
        var patience = After(TimeSpan.FromSeconds(20), () => { if (_session is null) PowerOn(); });
        gateway.Connect(this, session, new(epoch), ok =>
        {
            if (life != _life || !ok || gateway != _world.Gateway) return;
            patience.Dispose();
            (_gateway, _session) = (gateway, session);
            _world.History.Add(Name, $"is online with {Running}");
            PlanDrop();
            Next();
        });
    }

    /// <summary>The connection breaks. The gateway sees it at once, or the device alone.</summary>
    public void Drop(DisconnectReason reason, TimeSpan offline)
    {
        if (_session is not { } session) return;
        _world.History.Add(Name, $"is offline: {reason}");
        if (_gateway == _world.Gateway) _gateway!.Disconnected(this, session, reason);
        _session = null;
        _life++;
        // It has said, perhaps, that it restarts into the new slot: so that is what it does.
        if (_update is { Step: UpdateStep.Written, Told: true }) Boot();
        After(offline, PowerOn);
    }

    /// <summary>The gateway that has its session is gone.</summary>
    public void Lose(SimulatedGateway gateway)
    {
        if (_gateway == gateway) Drop(DisconnectReason.ConnectionLost, _random.UpTo(20));
    }

    /// <summary>notify-next.</summary>
    public void Notified(SimulatedGateway from, JobExecution? next)
    {
        if (from != _gateway || _session is null) return;
        _idle = false;
        if (_update is { Step: UpdateStep.Fetching or UpdateStep.Fetched } update && (next is null || KeyOf(next) != update.Key))
        {
            _world.History.Add(Name, $"drops {update.Key}");
            _update = null;
            (_asking, _working) = (false, false);
        }
        Next();
    }

    private static ExecutionKey KeyOf(JobExecution execution) => new(execution.JobId, execution.ExecutionNumber);

    /// <summary>Does what is next, unless something is under way.</summary>
    private void Next()
    {
        if (_session is null || _asking || _working) return;
        if (!_reported) Report();
        else if (_update is not { } update) StartNext();
        else if (Fate is Fate.GoesSilent && update.Step == _silentAt) GoSilent();
        else
        {
            switch (update.Step)
            {
                case UpdateStep.Fetching when Fate is Fate.Rejects: Decide(update, JobExecutionStatus.Rejected); break;
                case UpdateStep.Fetching: Fetch(update); break;
                case UpdateStep.Fetched: Say(update, JobExecutionStatus.InProgress, "installing", () => Go(update with { Step = UpdateStep.Installing })); break;
                case UpdateStep.Installing when Fate is Fate.FailsInstall: Decide(update, JobExecutionStatus.Failed); break;
                case UpdateStep.Installing: Install(update); break;
                case UpdateStep.Written:
                    _update = update with { Told = true };
                    // Some say that they are done before they restart.
                    bool done = Fate is Fate.ClaimsOnly || _random.Next(8) == 0;
                    Say(update, done ? JobExecutionStatus.Succeeded : JobExecutionStatus.InProgress, done ? null : "confirming", Restart);
                    break;
                case UpdateStep.Restarting:
                    Decide(update, Running == update.Version && IsHealthy ? JobExecutionStatus.Succeeded : JobExecutionStatus.Failed);
                    break;
                case UpdateStep.Decided: Say(update, update.Outcome!.Value, null, () => Close(update)); break;
            }
        }
    }

    private void Report()
    {
        int epoch = _sessions;
        var (running, healthy) = (Running, IsHealthy);
        Ask("report", async grain =>
        {
            // The shadow dates it when it takes it, which may be long after the device said it.
            await grain.ReportFirmware(new FirmwareReport(running, healthy, ++_shadow, _world.Clock.Wall, new(epoch)));
            return true;
        }, _ => _reported = true);
    }

    private void StartNext()
    {
        if (_idle) return;
        Ask("start-next", grain => grain.StartNextJob(new StartNextJob(null)), execution =>
        {
            if (execution is null)
            {
                _idle = true;
                return;
            }
            Begin(execution);
        });
    }

    private void Begin(JobExecution execution)
    {
        var key = KeyOf(execution);
        var version = DeviceUpdate.VersionIn(execution.Document);
        _world.Checks.Started(this, key, version);
        _update = new DeviceUpdate(key, version, UpdateStep.Fetching);
        if (_last is { } last && last.Key == key) Decide(_update, last.Outcome);
        else if (Floor is { } floor && version < floor) Decide(_update, JobExecutionStatus.Rejected);
        // A rollout of what runs already: the device is to prove it.
        else if (version == Running) _update = _update with { Step = UpdateStep.Written };
        _world.History.Add(Name, $"starts {_update}");
    }

    private void Fetch(DeviceUpdate update) => Work(
        update, Fate is Fate.Slow ? TimeSpan.FromMinutes(40) : TimeSpan.FromSeconds(_random.Next(2, 60)), () => _update = update with { Step = UpdateStep.Fetched });

    private void Install(DeviceUpdate update) => Work(update, TimeSpan.FromSeconds(_random.Next(1, 30)), () =>
    {
        _world.History.Add(Name, $"installs {update.Version} for {update.Key}");
        _world.Checks.Installed(this, update.Key, update.Version);
        _update = update with { Step = UpdateStep.Written };
    });

    private void Restart()
    {
        if (Fate is Fate.ClaimsOnly)
        {
            CameUpOld.Add(_update!.Key);
            Close(_update with { Outcome = JobExecutionStatus.Succeeded });
            return;
        }
        Drop(DisconnectReason.ClientInitiatedDisconnect, TimeSpan.FromSeconds(_random.Next(3, 40)));
    }

    private void Boot()
    {
        var update = _update!;
        if (Fate is Fate.BootsOld or Fate.ClaimsOnly) CameUpOld.Add(update.Key);
        else Running = update.Version;
        _update = update with { Step = UpdateStep.Restarting };
        _world.History.Add(Name, $"comes up with {Running}");
    }

    private void Decide(DeviceUpdate update, JobExecutionStatus outcome) => Go(update with { Step = UpdateStep.Decided, Outcome = outcome });

    private void Close(DeviceUpdate update)
    {
        _last = (update.Key, update.Outcome!.Value);
        if (update.Outcome is JobExecutionStatus.Succeeded && Running == update.Version && _world.FloorOf(update.Version) is { } floor) Floor = floor;
        _update = null;
        _idle = false;
    }

    /// <summary>The service does not want to hear of it any more.</summary>
    private void Abandon(DeviceUpdate update, string why)
    {
        _world.History.Add(Name, $"gives {update.Key} up: {why}");
        _last = (update.Key, update.Outcome ?? JobExecutionStatus.Failed);
        _update = null;
        _idle = false;
    }

    private void Say(DeviceUpdate update, JobExecutionStatus status, string? step, Action accepted)
    {
        int epoch = _sessions;
        var details = step is null ? null : NoDetails.Add("step", step);
        Ask($"{update.Key} {status} {step}", grain => grain.UpdateJob(new UpdateJob(update.Key.Job, status, details, null, update.Key.Number, new(epoch))), answer =>
        {
            if (answer is UpdateJobResult.Accepted) accepted();
            else if (answer is UpdateJobResult.Overtaken) _world.Checks.Demand(epoch < _sessions, $"{Name} is told that a newer session than {epoch} has overtaken it, and has none");
            else Abandon(update, answer.GetType().Name);
        });
    }

    private void Ask<T>(string what, Func<IDeviceGrain, Task<T>> call, Action<T> take)
    {
        _asking = true;
        int request = ++_request;
        _gateway!.Ask(this, what, call, answer =>
        {
            // Late, or a repeat: nobody waits for it any more.
            if (!_asking || request != _request || _session is null) return;
            _asking = false;
            _patience?.Dispose();
            take(answer);
            Next();
        });
        _patience = After(AnswerWithin, () =>
        {
            if (!_asking || request != _request) return;
            _asking = false;
            Next();
        });
    }

    private void Work(DeviceUpdate update, TimeSpan time, Action done)
    {
        _working = true;
        After(time, () =>
        {
            if (!ReferenceEquals(_update, update)) return;
            _working = false;
            done();
            Next();
        });
    }

    private void Go(DeviceUpdate update)
    {
        _update = update;
        Next();
    }

    private void GoSilent()
    {
        _world.History.Add(Name, "goes silent");
        _silent = true;
        _silentAt = null;
        var (gateway, session, at) = (_gateway!, _session!, _world.Clock.Wall);
        _world.Outside.After(TimeSpan.FromSeconds(25), () => { if (gateway == _world.Gateway) gateway.Stale(this, session, at); });
        bool returns = _random.Next(2) == 0;
        _world.Outside.After(returns ? _random.Between(TimeSpan.FromMinutes(2), TimeSpan.FromHours(2)) : TimeSpan.FromMinutes(2), () =>
        {
            _silent = !returns;
            Drop(DisconnectReason.MqttKeepAliveTimeout, TimeSpan.FromSeconds(1));
        });
    }

    private void PlanDrop()
    {
        double perHour = Fate is Fate.Flaps ? 200 : _world.Faults.DropsPerHour;
        if (perHour == 0) return;
        After(TimeSpan.FromHours(-Math.Log(1 - _random.NextDouble()) / perHour), () => Drop(DisconnectReason.ConnectionLost, _random.UpTo(40)));
    }

    /// <summary>Later, if the connection (or the attempt to make one) is the same by then.</summary>
    private VirtualClock.Timer After(TimeSpan delay, Action action)
    {
        int life = _life;
        return _world.Outside.After(delay, () => { if (life == _life && !_silent) action(); });
    }
}
