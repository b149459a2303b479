using Fleet.Grains;
using Fleet.Grains.Firmware;
using Fleet.Grains.Rollouts;
using Fleet.SimulationTests.Kernel;
using Fleet.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fleet.SimulationTests.World;

/// <summary>One run of the service: the real grains, until it is killed.</summary>
#pragma warning disable CA1001 // A process that is killed gives nothing back.
internal sealed class ServiceProcess : IMortal
#pragma warning restore CA1001
{
    private readonly SeededTurns.Process _process;
    private readonly GrainHost _host;
    private readonly List<SimulatedGateway> _gateways = [];

    public ServiceProcess(SimulatedWorld world, int number)
    {
        _process = new(world.Turns);
        Time = new(world.Clock, _process);
        Number = number;
        var faults = world.Settings.HasFaults ? new FaultyCalls(world, Time, SeedStreams.Of(world.Settings.Seed, $"calls/{number}")) : null;
        _host = new(new()
        {
            GrainAssemblies = [typeof(GrainStateJson).Assembly],
            Turns = _process,
            Time = Time,
            Storage = world.Store,
            Reminders = world.Reminders,
            Faults = faults,
            // Idle activations are found in the order of a hash that differs from run to run; here they end by the seed (FaultyCalls).
            CollectionAge = Timeout.InfiniteTimeSpan,
            Services = services =>
            {
                services.AddLogging(log => log.AddProvider(new HistoryLog(world.History)).SetMinimumLevel(LogLevel.Information));
                services.AddSingleton<IFirmwareSigner, AnySigner>().AddFleetRollouts();
                if (faults is not null) services.AddSingleton<IIncomingGrainCallFilter>(faults);
            },
        });
    }

    /// <summary>From 1.</summary>
    public int Number { get; }

    public IGrainFactory Grains => _host.Grains;

    public VirtualClock.ProcessTime Time { get; }

    public bool IsDead => _process.IsDead;

    /// <summary>Activations that are coming up or going down: at rest there are none.</summary>
    public IEnumerable<string> Unsettled => _host.Unsettled.Order(StringComparer.Ordinal);

    /// <summary>In a turn of the process.</summary>
    public Task Start() => _host.Start();

    /// <summary>Keeps a gateway for as long as the process lives: grains hold their observers weakly.</summary>
    public void Keep(SimulatedGateway gateway) => _gateways.Add(gateway);

    /// <summary>Ends it where it is. Nothing of it runs any more.</summary>
    public void Kill() => _process.IsDead = true;

    private sealed class AnySigner : IFirmwareSigner
    {
        public string CertificatePem => "";
        public byte[] SignHash(ReadOnlySpan<byte> sha256) => [1, 2, 3];
    }

    /// <summary>What the service says of itself is part of what happened.</summary>
    private sealed class HistoryLog(History history) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;
        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            history.Add("log", exception is null ? formatter(state, null) : $"{formatter(state, exception)}: {exception.Message}");
        public void Dispose() { }
    }
}
