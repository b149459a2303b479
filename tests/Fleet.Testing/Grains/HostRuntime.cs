using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Timers;

namespace Fleet.Testing.Grains;

/// <summary>What all grains and calls of a host share.</summary>
internal sealed class HostRuntime : IGrainRuntime, ITimerRegistry
{
    // Late: a filter may want the grain factory, which wants this.
    private readonly Lazy<IIncomingGrainCallFilter[]> _callFilters;
    private volatile bool _stopped;

    public HostRuntime(GrainHostSettings settings, IServiceProvider services, ILoggerFactory loggers)
    {
        (Settings, Services, Log) = (settings, services, loggers.CreateLogger<GrainHost>());
        Turns = new(settings.Turns);
        Deadlines = new(settings.Time);
        AnswerOptions = settings.Turns.RunsAllThatWaits ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;
        _callFilters = new(() => [.. services.GetServices<IIncomingGrainCallFilter>()]);
        Grains = new(this);
        Classes = new(this);
    }

    public GrainHostSettings Settings { get; }

    public IServiceProvider Services { get; }

    public ILogger Log { get; }

    public MortalTurns Turns { get; }

    public CallDeadlines Deadlines { get; }

    public IIncomingGrainCallFilter[] CallFilters => _callFilters.Value;

    /// <summary>What waits for an answer must not run inside the turn of the grain that gives it.</summary>
    public TaskCreationOptions AnswerOptions { get; }

    public HostGrains Grains { get; }

    public GrainClasses Classes { get; }

    /// <summary>No more calls are taken.</summary>
    public bool IsStopped { get => _stopped; set => _stopped = value; }

    string IGrainRuntime.SiloIdentity => nameof(GrainHost);
    SiloAddress IGrainRuntime.SiloAddress => SiloAddress.Zero;
    IGrainFactory IGrainRuntime.GrainFactory => Grains;
    ITimerRegistry IGrainRuntime.TimerRegistry => this;
    IServiceProvider IGrainRuntime.ServiceProvider => Services;
    TimeProvider IGrainRuntime.TimeProvider => Settings.Time;

    void IGrainRuntime.DeactivateOnIdle(IGrainContext grainContext) =>
        grainContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "DeactivateOnIdle was called."));

    void IGrainRuntime.DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan) =>
        ((Activation)grainContext).DelayDeactivation(timeSpan);

    IStorage<T> IGrainRuntime.GetStorage<T>(IGrainContext grainContext) =>
        throw new NotSupportedException("Grains have [PersistentState] here.");

    IGrainTimer ITimerRegistry.RegisterGrainTimer<T>(
        IGrainContext grainContext, Func<T, CancellationToken, Task> callback, T state, GrainTimerCreationOptions options) =>
        ((Activation)grainContext).RegisterTimer(cancellation => callback(state, cancellation), options);

    [Obsolete("By Orleans.")]
    IDisposable ITimerRegistry.RegisterTimer(
        IGrainContext grainContext, Func<object?, Task> callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        throw new NotSupportedException();

    /// <summary>The turns of one host, which die with it.</summary>
    public sealed class MortalTurns(ITurnExecutor executor) : ITurnExecutor
    {
        private volatile bool _dead;

        public bool IsDead => _dead || executor.IsDead;

        public void Kill() => _dead = true;

        public void Submit(TurnScheduler owner)
        {
            if (!IsDead) executor.Submit(owner);
        }
    }
}
