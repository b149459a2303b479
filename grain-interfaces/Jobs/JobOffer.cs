using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Jobs;

/// <summary>A rollout's job, offered to one device.</summary>
/// <param name="ReportTo">The key of the shard that counts this execution: <c>{rollout}/{shard}</c>.</param>
/// <param name="Version">The version that the device must come back with.</param>
/// <param name="Document">The job document, a JSON object as text, at most 32 KiB.</param>
/// <param name="BootProof">
/// True: only coming back with the version counts as success. False: the device's word does (proof kind "report").
/// </param>
/// <param name="HealthyFor">How long the device must report itself healthy with the new version before it counts.</param>
[GenerateSerializer, Immutable, Alias("fleet.job-offer")]
public sealed record JobOffer(
    [property: Id(0)] JobId JobId,
    [property: Id(1)] int ExecutionNumber,
    [property: Id(2)] string ReportTo,
    [property: Id(3)] ModelName Model,
    [property: Id(4)] FirmwareVersion Version,
    [property: Id(5)] StreamId Stream,
    [property: Id(6)] string Document,
    [property: Id(7)] DateTimeOffset DownloadUntil,
    [property: Id(8)] bool BootProof,
    [property: Id(9)] TimeSpan HealthyFor);

[GenerateSerializer, Immutable, Alias("fleet.offer-result")]
public abstract record OfferResult
{
    private OfferResult() { }

    /// <summary>Queued, or queued already.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.offer-result.queued")]
    public sealed record Queued : OfferResult;

    /// <summary>The device runs this version already and is healthy: nothing to do.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.offer-result.already-installed")]
    public sealed record AlreadyInstalled : OfferResult;

    /// <summary>The offer is not for this device: not registered, or another model.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.offer-result.unfit")]
    public sealed record Unfit([property: Id(0)] string Reason) : OfferResult;
}

[GenerateSerializer, Alias("fleet.withdraw-result")]
public enum WithdrawResult
{
    /// <summary>The device does not have the offer (any more).</summary>
    Withdrawn,

    /// <summary>The device has started it, or ended it; its reports say how it goes on.</summary>
    Started,
}
