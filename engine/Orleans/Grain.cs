using System.Diagnostics.CodeAnalysis;
using Fleet.Engine.Activations;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Orleans;

/// <summary>What a grain class must offer to be hosted. <see cref="Grain"/> is the usual way to offer it.</summary>
public interface IGrainBase
{
    IGrainContext GrainContext { get; }

    Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>The base class of grains: virtual actors that are activated on their first call and handle one request at a time.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    /// <summary>Takes its context from the engine, which is the only one who constructs grains.</summary>
    protected Grain() => GrainContext = ActivationBeingBuilt.Current;

    /// <summary>A grain with a given context, for tests that construct the grain themselves.</summary>
    protected Grain(IGrainContext grainContext) => GrainContext = grainContext;

    /// <summary>Null only in a grain that was constructed by hand.</summary>
    [AllowNull]
    public IGrainContext GrainContext { get; }

    public string IdentityString => GrainContext.GrainId.ToString();

    protected IGrainFactory GrainFactory => ServiceProvider.GetRequiredService<IGrainFactory>();

    protected internal IServiceProvider ServiceProvider => GrainContext is null
        ? throw new InvalidOperationException("This grain was constructed by hand: it has no context and no services.")
        : GrainContext.ActivationServices;

    /// <summary>Runs in a turn of its own, after the state was read and before the first request.</summary>
    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Runs after the last request. Not promised: a process may end without it.</summary>
    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends this activation once the requests that are running have ended. Those that wait go to a fresh activation.</summary>
    protected void DeactivateOnIdle() => GrainBaseExtensions.DeactivateOnIdle(this);

    /// <summary>Keeps this activation for at least <paramref name="timeSpan"/> from now; negative takes an earlier promise back.</summary>
    protected void DelayDeactivation(TimeSpan timeSpan) => ((Activation)GrainContext).DelayDeactivation(timeSpan);
}
