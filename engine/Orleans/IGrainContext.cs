namespace Orleans.Runtime;

/// <summary>A grain's activation, as its grain sees it.</summary>
public interface IGrainContext : IEquatable<IGrainContext>
{
    GrainId GrainId { get; }

    /// <summary>Null until the grain has been constructed.</summary>
    object? GrainInstance { get; }

    IServiceProvider ActivationServices { get; }

    /// <summary>Completes when this activation has ended, <c>OnDeactivateAsync</c> included.</summary>
    Task Deactivated { get; }

    /// <summary>Asks for the end of this activation and returns at once.</summary>
    /// <param name="cancellationToken">Cancels the wait for running requests and the token <c>OnDeactivateAsync</c> gets.</param>
    void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);
}
