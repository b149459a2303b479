using Fleet.Testing.Host;
using Fleet.Testing.Host.Activations;
using Fleet.Testing.Host.Turns;
using Fleet.Grains;
using Fleet.Grains.Firmware;
using Fleet.Grains.Index;
using Fleet.Grains.Rollouts;
using Fleet.SimulationTests.Kernel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

namespace Fleet.SimulationTests.World;

/// <summary>One run of the service: the real grains on the real engine, until it is killed.</summary>
internal sealed class ServiceProcess
{
    private readonly SeededTurns.Process _process;
    private readonly ServiceProvider _services;

    public ServiceProcess(SimulatedWorld world, int number)
    {
        _process = new(world.Turns);
        Time = new(world.Clock, _process);
        Number = number;
        var storage = new SimulatedStore.Connection(world.Store, _process);
        var services = new ServiceCollection();
        services.AddLogging(log => log.AddProvider(new HistoryLog(world.History)).SetMinimumLevel(LogLevel.Information));
        services.AddSingleton<ITurnExecutor>(_process).AddSingleton<TimeProvider>(Time)
            .AddSingleton<IGrainStorage>(storage).AddSingleton<IFleetIndex>(storage).AddSingleton<IReminderTable>(world.Reminders)
            .AddSingleton<IFirmwareSigner, AnySigner>().AddFleetRollouts();
        if (world.Settings.HasFaults)
            services.AddSingleton<IIncomingGrainCallFilter>(new FaultyCalls(world, Time, SeedStreams.Of(world.Settings.Seed, $"calls/{number}")));
        services.AddFleetEngine(options =>
        {
            options.GrainAssemblies.Add(typeof(GrainStateJson).Assembly);
            // Idle activations are found in the order of a hash that differs from run to run; here they end by the seed (FaultyCalls).
            options.CollectionAge = options.CollectionQuantum = TimeSpan.FromDays(40);
        });
        _services = services.BuildServiceProvider();
        Grains = _services.GetRequiredService<IGrainFactory>();
    }

    /// <summary>From 1.</summary>
    public int Number { get; }

    public IGrainFactory Grains { get; }

    public VirtualClock.ProcessTime Time { get; }

    public bool IsDead => _process.IsDead;

    /// <summary>In a turn of the process.</summary>
    public async Task Start()
    {
        foreach (var hosted in _services.GetServices<IHostedService>()) await hosted.StartAsync(CancellationToken.None);
    }

    /// <summary>Ends it where it is. Nothing of it runs any more.</summary>
    public void Kill() => _process.IsDead = true;

    /// <summary>Activations that are coming up or going down: at rest there are none.</summary>
    public IEnumerable<string> Unsettled() => _services.GetRequiredService<GrainCatalog>().Classes.SelectMany(grainClass => grainClass.Activations)
        .Select(activation => activation.ToString()).Where(text => !text.EndsWith("(Active)", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

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
