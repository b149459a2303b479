using Orleans;

namespace Fleet.Testing.Host.Activations;

/// <summary>What few activations need at a time: timers, a promise to stay, and the end.</summary>
internal sealed class ActivationExtras
{
    public HashSet<GrainTimer> Timers { get; } = [];

    public DateTimeOffset KeepUntil { get; set; }

    public DeactivationReason? EndReason { get; set; }

    public CancellationToken EndCancellation { get; set; }

    public TaskCompletionSource Deactivated { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
