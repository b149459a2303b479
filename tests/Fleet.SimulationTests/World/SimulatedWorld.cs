using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;
using Fleet.SimulationTests.Checks;
using Fleet.SimulationTests.Faults;
using Fleet.SimulationTests.Kernel;
using Fleet.Testing;

namespace Fleet.SimulationTests.World;

/// <summary>
/// The service, its disk, its devices, its operators and all that goes wrong, in virtual time. Everything is drawn from the settings' seed.
/// </summary>
internal sealed class SimulatedWorld : IFaultyWorld, IDisposable
{
    /// <summary>From the end of the faults to the end of every execution, whatever the devices do.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(12);

    private readonly Dictionary<string, SimulatedDevice> _devices = new(StringComparer.Ordinal);
    private readonly Random _random;
    private FaultPlan _faults = FaultPlan.None;
    private TimeSpan _calmAt = TimeSpan.MaxValue;
    private int _processes;
    private bool _isOver;

    public SimulatedWorld(SimulationSettings settings, TextWriter? history = null)
    {
        Settings = settings;
        Clock = new();
        History = new(() => Clock.Elapsed, history);
        Turns = new(SeedStreams.Of(settings.Seed, "turns"));
        Outside = new(Clock, new(Turns), inTurns: false);
        Store = new(this, SeedStreams.Of(settings.Seed, "disk"), sharesStates: !settings.StoresText);
        Checks = new(this);
        _random = SeedStreams.Of(settings.Seed, "world");
        Operators = new(this, SeedStreams.Of(settings.Seed, "operators"));
        for (int i = 0; i < settings.Devices; i++)
        {
            string name = $"device-{i:000000}";
            _devices.Add(name, new(this, name, SeedStreams.Of(settings.Seed, name)));
        }
    }

    public SimulationSettings Settings { get; }
    public VirtualClock Clock { get; }
    public SeededTurns Turns { get; }
    public History History { get; }

    /// <summary>Time, and turns, of all that is not the service: devices, network, disk, operators.</summary>
    public VirtualClock.ProcessTime Outside { get; }
    public SimulatedStore Store { get; }
    public MemoryReminderTable Reminders { get; } = new();
    public Invariants Checks { get; }
    public Operators Operators { get; }

    /// <summary>What may go wrong now.</summary>
    public FaultPlan Faults => _faults;

    public bool IsCalm => _calmAt < TimeSpan.MaxValue;

    /// <summary>The last that was started; it may be dead. Null before the first.</summary>
    public ServiceProcess? Process { get; private set; }

    IMortal IFaultyWorld.Service => Process!;

    /// <summary>Null while the service is down.</summary>
    public SimulatedGateway? Gateway { get; private set; }

    public IReadOnlyCollection<SimulatedDevice> Devices => _devices.Values;

    public SimulatedDevice Device(string name) => _devices[name];

    public FirmwareVersion? FloorOf(FirmwareVersion version) => Settings.Rollouts.FirstOrDefault(r => r.Version == version)?.Floor;

    /// <summary>Runs until all is over.</summary>
    /// <exception cref="InvariantException">Something happened that must not.</exception>
    public void Run()
    {
        Do(Begin);
        while (!_isOver)
        {
            while (Turns.TryRunOne()) { }
            if ((Turns.Escape ?? Clock.Failure) is { } failure) throw failure;
            if (Checks.Broken is { } broken) throw broken;
            if (IsCalm && Clock.Elapsed - _calmAt > Patience) throw new InvariantException($"After {Patience} without faults it is not over. Unsettled: {string.Join(", ", Process!.Unsettled)}. Reminders: {string.Join(", ", Reminders.Names)}. {Checks.OpenShards()}");
            if (!Clock.Advance()) throw new InvariantException("Nothing is ever going to happen any more.");
        }
        Checks.AtTheEnd();
    }

    /// <summary>Starts work that nobody waits for, in a turn.</summary>
    public void Do(Func<Task> work) => Outside.Post(async () =>
    {
        try { await work(); }
        catch (Exception e) { Clock.Fail(e); }
    });

    public void Dispose() => History.Dispose();

    private async Task Begin()
    {
        await Start();
        await Provision(Process!.Grains);
        _faults = Settings.Faults;
        foreach (var device in _devices.Values) Outside.After(_random.Between(TimeSpan.Zero, Settings.ConnectWithin), device.PowerOn);
        foreach (var rollout in Settings.Rollouts) Operators.Plan(rollout);
        Every(Settings.Faults.RestartsPerHour, Restart);
        Every(Settings.Faults.ClockJumpsPerHour, JumpClock);
        Every(Settings.Faults.OperatorActsPerHour, Operators.Act);
        Outside.After(Settings.Faults.Lasts, CalmDown);
    }

    private async Task Start()
    {
        Process = new(this, ++_processes);
        History.Add("service", $"starts, process {_processes}");
        await Process.Start();
        await OpenGateway(Process, 1);
        // As at every start of the service; where it fails, the reminders do it.
        if (_random.Next(2) == 0) Operators.WakeAll();
    }

    private async Task OpenGateway(ServiceProcess process, int number)
    {
        var gateway = new SimulatedGateway(this, process, number);
        process.Keep(gateway);
        await gateway.Open();
        if (process.IsDead) return;
        Gateway = gateway;
    }

    private async Task Provision(IGrainFactory grains)
    {
        foreach (var version in Settings.Rollouts.Select(r => (r.Version, r.Floor)).Distinct())
        {
            var firmware = grains.GetGrain<IFirmwareGrain>(FirmwareKeys.Of(Operators.Model, version.Version));
            await firmware.Upload(new FirmwareUpload(new string('a', 64), 300_000, version.Floor));
            await firmware.Publish();
        }
        foreach (var device in _devices.Values)
        {
            await grains.GetGrain<IDeviceGrain>(device.Name)
                .Register(new(Operators.Model, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
        }
    }

    /// <summary>The gateway begins anew: its sessions are over.</summary>
    public void TakenForDead(SimulatedGateway gateway)
    {
        if (gateway != Gateway) return;
        History.Add("gateway", $"{gateway.Id} was taken for dead");
        LoseGateway(gateway);
        Do(() => OpenGateway(gateway.Process, gateway.Number + 1));
    }

    private void Restart()
    {
        // One that has not come up yet has nothing to lose.
        if (Process is not { } process || Gateway is not { } gateway) return;
        History.Add("service", $"is killed, process {process.Number}");
        process.Kill();
        LoseGateway(gateway);
        Outside.After(_random.UpTo(20), () => Do(Start));
    }

    private void LoseGateway(SimulatedGateway gateway)
    {
        Gateway = null;
        foreach (var device in _devices.Values.Where(d => d.IsOnline)) Outside.After(_random.UpTo(30), () => device.Lose(gateway));
    }

    private void JumpClock()
    {
        var by = _random.Between(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(40)) * (_random.Next(2) == 0 ? 1 : -1);
        Clock.WallOffset += by;
        History.Add("clock", $"jumps by {by}");
    }

    private void CalmDown()
    {
        History.Add("world", "calms down");
        _faults = FaultPlan.None with { StorageMilliseconds = Settings.Faults.StorageMilliseconds };
        _calmAt = Clock.Elapsed;
        LookAround();
    }

    /// <summary>
    /// Operators resume what stands still, until nothing is under way. A while after that, all that was to be cleaned up has been.
    /// </summary>
    private void LookAround()
    {
        if (Operators.AllOver)
        {
            Outside.After(TimeSpan.FromMinutes(30), () => _isOver = true);
            return;
        }
        Operators.ResumeAll();
        Outside.After(TimeSpan.FromMinutes(1), LookAround);
    }

    /// <summary>At random moments, until the faults end.</summary>
    private void Every(double perHour, Action action)
    {
        if (perHour == 0) return;
        Outside.After(TimeSpan.FromHours(-Math.Log(1 - _random.NextDouble()) / perHour), () =>
        {
            if (IsCalm) return;
            action();
            Every(perHour, action);
        });
    }
}
