using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Jobs;

/// <summary>What a device reported of itself, and the session it has.</summary>
internal sealed record DeviceReports
{
    public FirmwareVersion? Firmware { get; init; }

    /// <summary>When the device itself said so; null if it has not since it came back.</summary>
    public DateTimeOffset? FirmwareAt { get; init; }

    /// <inheritdoc cref="FirmwareAt"/>
    public DateTimeOffset? HealthAt { get; init; }

    /// <summary>Since when it has said nothing but healthy about this version.</summary>
    public DateTimeOffset? HealthySince { get; init; }

    /// <summary>When the present session opened; null while there is none, or it is stale.</summary>
    public DateTimeOffset? OnlineSince { get; init; }
}

/// <summary>How far the proof of a confirming execution is.</summary>
internal abstract record ProofState
{
    private ProofState() { }

    /// <param name="Due">When it will be complete if the device stays as it is; null while something is missing.</param>
    internal sealed record Open(DateTimeOffset? Due) : ProofState;
    internal sealed record Proven : ProofState;

    /// <summary>It came back with another version.</summary>
    internal sealed record CameBackWith(FirmwareVersion Version) : ProofState;
}

/// <summary>
/// Boot proof is the only success (design, section 8, promise 1): the device came back in a session opened after it said confirming,
/// reported the version there, and said so of its health for as long as the plan asks, within one unbroken connection.
/// </summary>
internal static class BootProof
{
    public static ProofState Of(DeviceExecution execution, DeviceReports reports, DateTimeOffset now)
    {
        if (execution is not { BootProof: true, Stage: JobStage.Confirming, BackEpoch: not null }) return new ProofState.Open(null);
        if (reports is not { FirmwareAt: not null, Firmware: { } firmware }) return new ProofState.Open(null);
        if (firmware != execution.Version) return new ProofState.CameBackWith(firmware);
        if (reports is not { HealthAt: not null, HealthySince: { } since }) return new ProofState.Open(null);
        if (execution.HealthyFor == TimeSpan.Zero) return new ProofState.Proven();

        // A device that restarts again and again is healthy each time it comes back: only an unbroken connection counts.
        if (reports.OnlineSince is not { } online) return new ProofState.Open(null);
        var due = (since > online ? since : online) + execution.HealthyFor;
        return now >= due ? new ProofState.Proven() : new ProofState.Open(due);
    }
}
