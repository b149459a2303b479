using Orleans;
using Orleans.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Fleet.Testing.Host.Calls;
using Fleet.Testing.Host.Turns;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Testing.Host.Activations;

/// <summary>What all grains of an engine share.</summary>
internal sealed class GrainRuntime : IGrainRuntime, Orleans.Timers.ITimerRegistry
{
    /// <summary>The longest wait a system timer takes.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private volatile int _idleSweep;
    private volatile bool _stopped;

    public GrainRuntime(
        IServiceProvider services, IOptions<EngineOptions> options, TimeProvider time, ITurnExecutor executor, ILoggerFactory loggers)
    {
        Services = services;
        Options = options.Value;
        Time = time;
        Executor = executor;
        Logger = loggers.CreateLogger("Fleet.Engine");
        Calls = new(services, time, Options.ResponseTimeout, Logger, executor);
    }

    public IServiceProvider Services { get; }

    public References References { get; set; } = null!;

    public IGrainFactory Factory { get; set; } = null!;

    string IGrainRuntime.SiloIdentity => "simulated";
    SiloAddress IGrainRuntime.SiloAddress => SiloAddress.Zero;
    IGrainFactory IGrainRuntime.GrainFactory => Services.GetRequiredService<IGrainFactory>();
    Orleans.Timers.ITimerRegistry IGrainRuntime.TimerRegistry => this;
    IServiceProvider IGrainRuntime.ServiceProvider => Services;
    TimeProvider IGrainRuntime.TimeProvider => Time;
    void IGrainRuntime.DeactivateOnIdle(IGrainContext grainContext) =>
        grainContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "DeactivateOnIdle was called."));
    void IGrainRuntime.DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan) => ((Activation)grainContext).DelayDeactivation(timeSpan);
    Orleans.Core.IStorage<T> IGrainRuntime.GetStorage<T>(IGrainContext grainContext) => throw new NotSupportedException("Grain<T> is not used.");
    [Obsolete("Orleans'")]
    IDisposable Orleans.Timers.ITimerRegistry.RegisterTimer(IGrainContext grainContext, Func<object?, Task> callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        throw new NotSupportedException();
    IGrainTimer Orleans.Timers.ITimerRegistry.RegisterGrainTimer<T>(IGrainContext grainContext, Func<T, CancellationToken, Task> callback, T state, GrainTimerCreationOptions options) =>
        ((Activation)grainContext).RegisterTimer(cancellation => callback(state, cancellation), options);

    public EngineOptions Options { get; }

    public TimeProvider Time { get; }

    public ITurnExecutor Executor { get; }

    public ILogger Logger { get; }

    public CallServices Calls { get; }

    /// <summary>How often idle activations have been looked for: the age of an activation, without a look at the clock for each call.</summary>
    public int IdleSweep { get => _idleSweep; set => _idleSweep = value; }

    /// <summary>No more calls are taken.</summary>
    public bool IsStopped { get => _stopped; set => _stopped = value; }

    /// <summary>A timer that is not set yet and carries nothing over from whoever made it.</summary>
    public ITimer CreateTimer(TimerCallback callback, object state)
    {
        if (ExecutionContext.IsFlowSuppressed()) return Create();
        using (ExecutionContext.SuppressFlow()) return Create();

        ITimer Create() => Time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public static void CheckTimerLength(TimeSpan length, string name)
    {
        if (length == Timeout.InfiniteTimeSpan) return;
        ArgumentOutOfRangeException.ThrowIfLessThan(length, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, LongestTimer, name);
    }
}
