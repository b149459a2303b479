using System.Globalization;
using Fleet.Mqtt;
using Fleet.SimulationTests.Checks;
using Fleet.SimulationTests.Faults;
using Fleet.SimulationTests.Kernel;
using Fleet.SimulationTests.World;
using Fleet.Testing;
using Fleet.UnitTests.Gateway.Journal;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// Gateways as they are compiled, the grains that they share, their databases, and clients that wander among them, in virtual time.
/// Everything is drawn from the seed. After a while nothing fails any more, and everything has to come to its end.
/// </summary>
internal sealed class GatewayWorld : IFaultyWorld, IDisposable
{
    private const int MaxTurns = 10_000_000;

    private static readonly TimeSpan MeetingTime = TimeSpan.FromSeconds(6);

    /// <summary>From the end of the faults until every client is where it wants to be, with all that it is owed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>Whatever is late has come by then.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(35);

    private readonly GatewayFaults _faults;
    private readonly Disturbances _disturbances;
    private readonly Population _population;
    private readonly List<GatewayProcess> _gateways = [];
    private TimeSpan? _calmAt, _settledAt;
    private int _started, _silos;

    /// <param name="devices">So many clients that stay where they are, and no faults; 0: as the seed says.</param>
    public GatewayWorld(int seed, bool isTold, TextWriter? history = null, int devices = 0)
    {
        (Seed, IsTold) = (seed, isTold);
        Clock = new();
        History = new(() => Clock.Elapsed, history);
        Turns = new(SeedStreams.Of(seed, "turns"));
        Outside = new(Clock, new(Turns), inTurns: false);
        Random = SeedStreams.Of(seed, "world");
        _faults = devices > 0 ? GatewayFaults.None : GatewayFaults.Draw(SeedStreams.Of(seed, "faults"));
        Disk = new(this, SeedStreams.Of(seed, "disk"), sharesStates: true);
        Database = new(this, SeedStreams.Of(seed, "database"));
        Retained = new(Database);
        Checks = new(this);
        _disturbances = new(this);
        _population = new(this, devices);
        Silo = new(this, ++_silos);
    }

    public int Seed { get; }

    /// <summary>Whether what happens is noted: it costs more than all the rest.</summary>
    public bool IsTold { get; }
    public VirtualClock Clock { get; }
    public SeededTurns Turns { get; }
    public History History { get; }
    public VirtualClock.ProcessTime Outside { get; }
    public Random Random { get; }
    public SimulatedStore Disk { get; }
    public MemoryReminderTable Reminders { get; } = new();
    public MemorySessionStore Sessions { get; } = new();
    public FaultyDatabase Database { get; }
    public FaultyRetainedStore Retained { get; }
    public Ledger Ledger { get; } = new();
    public GatewayChecks Checks { get; }

    /// <summary>The last that was started; it may be dead.</summary>
    public SiloProcess Silo { get; private set; }

    public IReadOnlyList<GatewayProcess> Gateways => _gateways;

    public IEnumerable<GatewayProcess> Living => _gateways.Where(gateway => gateway.IsAlive);

    public IReadOnlyList<SimulatedClient> Clients => _population.Clients;

    /// <summary>What may go wrong now.</summary>
    public GatewayFaults GatewayFaults { get; private set; } = new();

    /// <summary>The store of sessions fails at times, and then messages for it are refused.</summary>
    public bool MayRefuse => _faults.StoreFails + _faults.StoreFailsAfterItLanded > 0;

    public bool IsCalm => _calmAt is not null;

    /// <summary>Somebody has subscribed to wills.</summary>
    public bool IsWatched => Clients.Any(client => client is { Id: Population.Watcher, HasSubscribed: true });

    /// <summary>Counts what clients hear and say.</summary>
    public long Order { get; set; }

    /// <summary>Roads between clients and gateways so far.</summary>
    public List<Road> Roads { get; } = [];

    FaultPlan IFaultyWorld.Faults => GatewayFaults.Calls;
    IMortal IFaultyWorld.Service => Silo;

    /// <exception cref="InvariantException">Something happened that must not.</exception>
    public void Run() => Run(IsOver);

    /// <summary>Runs for so long, without what is checked in the end.</summary>
    public void Run(TimeSpan time)
    {
        var end = Clock.Elapsed + time;
        Outside.After(time, () => { });
        Run(() => Clock.Elapsed >= end);
    }

    private void Run(Func<bool> isOver)
    {
        if (_started == 0) Outside.Post(Begin);
        while (!isOver())
        {
            while (Turns.TryRunOne()) { }
            if ((Turns.Escape ?? Clock.Failure) is { } failure) throw failure;
            Checks.AtEachStep();
            if (Checks.Broken is { } broken) throw broken;
            if (Turns.Count > MaxTurns) throw new InvariantException("It goes round in circles.");
            if (!Clock.Advance()) throw new InvariantException("Nothing is ever going to happen any more.");
        }
    }

    public void Tell(string actor, Func<string> what)
    {
        if (IsTold) History.Add(actor, what());
    }

    /// <param name="name">Null: one of its own.</param>
    public void StartGateway(string? name)
    {
        int number = ++_started;
        var gateway = new GatewayProcess(this, name ?? string.Create(CultureInfo.InvariantCulture, $"host-{number}"), number);
        _gateways.Add(gateway);
        Tell(gateway.Label, () => $"starts as {gateway.Name}");
        gateway.Start();
    }

    public void StartSilo()
    {
        Silo = new(this, ++_silos);
        var silo = Silo;
        Tell("silo", () => "starts");
        Outside.Post(() => _ = silo.Start());
    }

    /// <summary>A gateway's process is no more.</summary>
    public void Ended(GatewayProcess gateway)
    {
        Tell(gateway.Label, () => "is no more");
        _population.Lose(gateway);
        _disturbances.Replace(gateway);
    }

    public GatewayProcess? PickOpen(Random random) =>
        Living.Where(gateway => gateway.IsOpen).ToArray() is { Length: > 0 } open ? random.Pick<GatewayProcess>(open) : null;

    public void Dispose()
    {
        foreach (var gateway in _gateways) gateway.Dispose();
        History.Dispose();
    }

    private void Begin()
    {
        _ = Silo.Start();
        for (int i = 0; i < _disturbances.Wanted; i++) StartGateway(null);
        Outside.After(MeetingTime, () =>
        {
            GatewayFaults = _faults;
            _disturbances.Begin();
            _population.Begin();
            if (_faults != GatewayFaults.None) Outside.After(_faults.Lasts, CalmDown);
        });
    }

    private void CalmDown()
    {
        Tell("world", () => "calms down");
        GatewayFaults = GatewayFaults.None;
        _calmAt = Clock.Elapsed;
        _disturbances.End();
        foreach (var gateway in _gateways) gateway.IsCutOff = false;
    }

    private bool IsOver()
    {
        if (_calmAt is not { } calmAt || _population.IsPublishing) return false;
        if (_settledAt is { } settledAt && Clock.Elapsed - settledAt < Aftermath) return false;
        if (Checks.Unsettled() is { } why)
        {
            if (Clock.Elapsed - calmAt < Patience) return false;
            throw new InvariantException(why);
        }
        if (_settledAt is not null) return true;
        _settledAt = Clock.Elapsed;
        return false;
    }
}
