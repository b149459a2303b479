using Fleet.Grains;
using Fleet.Interfaces.Messaging;
using Fleet.SimulationTests.Kernel;
using Fleet.SimulationTests.World;
using Fleet.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fleet.SimulationTests.Gateways;

/// <summary>The grains, until they are killed: what they had in memory is gone then, and what they had stored is left.</summary>
#pragma warning disable CA1001 // A process that is killed gives nothing back.
internal sealed class SiloProcess : IMortal
#pragma warning restore CA1001
{
    private readonly GrainHost _host;

    public SiloProcess(GatewayWorld world, int number)
    {
        // Its time outlives it: who waits for an answer from it gives up in the end.
        Time = new(world.Clock, world.Outside.Process);
        var faults = new FaultyCalls(world, Time, SeedStreams.Of(world.Seed, $"calls/{number}"));
        _host = new(new()
        {
            GrainAssemblies = [typeof(GrainStateJson).Assembly],
            Turns = world.Outside.Process,
            Time = Time,
            Storage = world.Disk,
            Reminders = world.Reminders,
            Faults = new Roads(world, faults),
            CollectionAge = Timeout.InfiniteTimeSpan,
            Services = services =>
            {
                services.AddLogging(log => log.AddProvider(new HistoryLog(world, $"silo-{number}")));
                services.AddSingleton<IIncomingGrainCallFilter>(faults);
                if (world.IsTold) services.AddSingleton<IIncomingGrainCallFilter>(new Told(world));
            },
        });
    }

    public IGrainFactory Grains => _host.Grains;

    public VirtualClock.ProcessTime Time { get; }

    public bool IsDead { get; private set; }

    public Task Start() => _host.Start();

    public void Kill()
    {
        IsDead = true;
        _host.Kill();
    }

    /// <summary>What becomes of leases, and of sessions that pass between gateways.</summary>
    private sealed class Told(GatewayWorld world) : IIncomingGrainCallFilter
    {
        public async Task Invoke(IIncomingGrainCallContext context)
        {
            await context.Invoke();
            if (context.Grain is ISessionGrain || context.MethodName is nameof(IGatewayGrain.TakeOver) or nameof(IGatewayGrain.Collect))
                world.Tell(
                    "grain", () => $"{context.TargetId.Key} {context.MethodName}: {context.Request.GetArgument(0)} -> {context.Result}");
        }
    }

    /// <summary>What a gateway that is cut off sends does not arrive.</summary>
    private sealed class Roads(GatewayWorld world, FaultyCalls faults) : ICallFaults
    {
        public bool MayBeOvertaken(string call) => faults.MayBeOvertaken(call);

        public Exception? RejectionOf(string call, bool isForwarded) =>
            !isForwarded && world.Gateways.Any(gateway => gateway.IsCutOff && gateway.Process == world.Turns.Running)
                ? new TimeoutException($"{call} does not arrive.") : faults.RejectionOf(call, isForwarded);
    }
}

/// <summary>What processes say of themselves is part of what happened; a fault of their own is a finding.</summary>
internal sealed class HistoryLog(GatewayWorld world, string actor) : ILoggerProvider, ILogger
{
    /// <summary>A request, a connection, a frame, an effect that failed though nothing outside did.</summary>
    private static readonly int[] Faults = [3009, 3014, 3020, 3054];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= (world.IsTold ? LogLevel.Information : LogLevel.Error);

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        world.Tell(actor, () => exception is null ? formatter(state, null) : $"{formatter(state, exception)}: {exception.Message}");
        world.Checks.Demand(!Faults.Contains(eventId.Id), $"{actor}: {formatter(state, exception)}: {exception}");
    }

    public void Dispose() { }
}
