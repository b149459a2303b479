using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Firmware;

/// <summary>One version of one model's firmware. The key is <c>{model}/{version}</c>.</summary>
[Alias("fleet.firmware-grain")]
public interface IFirmwareGrain : IGrainWithStringKey
{
    /// <summary>
    /// Takes an artifact whose bytes are stored already, and signs it. A repeat with the same digest answers as the first did.
    /// </summary>
    Task<UploadFirmwareResult> Upload(FirmwareUpload upload);

    /// <summary>Opens its stream, so that rollouts may use it. A repeat changes nothing.</summary>
    Task<PublishFirmwareResult> Publish();

    /// <summary>Null if it was never uploaded.</summary>
    Task<FirmwareView?> Get();

    /// <summary>Forgets a version that was uploaded before <paramref name="uploadedBefore"/> and never published.</summary>
    /// <returns>The version that is kept; null: none.</returns>
    Task<FirmwareView?> KeepUnlessAbandoned(DateTimeOffset uploadedBefore);
}

/// <summary>Bytes that are in the blob store.</summary>
/// <param name="Sha256">64 lower-case hex digits; also the blob's name.</param>
/// <param name="SizeBytes">1 byte to 1 GiB.</param>
/// <param name="Floor">Once a device has confirmed this version it refuses any below this one; null leaves its floor alone.</param>
[GenerateSerializer, Immutable, Alias("fleet.firmware-upload")]
public sealed record FirmwareUpload(
    [property: Id(0)] string Sha256,
    [property: Id(1)] long SizeBytes,
    [property: Id(2)] FirmwareVersion? Floor);

[GenerateSerializer, Alias("fleet.firmware-status")]
public enum FirmwareStatus { Uploaded, Published, Withdrawn }

/// <summary>
/// A version as operators and rollouts see it. Its grain stores it too, and what is required must be there when it is
/// read: so nulls are written.
/// </summary>
[GenerateSerializer, Immutable, Alias("fleet.firmware-view")]
public sealed record FirmwareView
{
    [Id(0)] public required ModelName Model { get; init; }
    [Id(1)] public required FirmwareVersion Version { get; init; }
    [Id(2)] public required FirmwareStatus Status { get; init; }
    [Id(3)] public required long SizeBytes { get; init; }
    [Id(4)] public required string Sha256 { get; init; }

    /// <summary>base64 of the DER ECDSA P-256 signature over SHA-256 of the file (spec/security.md, 2.5).</summary>
    [Id(5)] public required string Signature { get; init; }

    /// <summary>base64 of the manifest, a JSON object: model, version, size, sha256, floor.</summary>
    [Id(6)] public required string Manifest { get; init; }

    /// <summary>base64 of the DER ECDSA P-256 signature over SHA-256 of the manifest's bytes.</summary>
    [Id(7)] public required string ManifestSignature { get; init; }
    [Id(8)] public required StreamId Stream { get; init; }
    [Id(9)] public required DateTimeOffset UploadedAt { get; init; }
    [Id(10)] public required DateTimeOffset? PublishedAt { get; init; }

    /// <summary>Once a device has confirmed this version it refuses any below this one; null leaves its floor alone.</summary>
    [Id(11)] public FirmwareVersion? Floor { get; init; }
}

[GenerateSerializer, Immutable, Alias("fleet.upload-firmware-result")]
public abstract record UploadFirmwareResult
{
    private UploadFirmwareResult() { }

    [GenerateSerializer, Immutable, Alias("fleet.upload-firmware-result.stored")]
    public sealed record Stored([property: Id(0)] FirmwareView Firmware, [property: Id(1)] bool Created) : UploadFirmwareResult;

    /// <summary>The version exists with other content or another floor: a version is never replaced.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.upload-firmware-result.version-in-use")]
    public sealed record VersionInUse([property: Id(0)] FirmwareView Firmware) : UploadFirmwareResult;
}

[GenerateSerializer, Immutable, Alias("fleet.publish-firmware-result")]
public abstract record PublishFirmwareResult
{
    private PublishFirmwareResult() { }

    [GenerateSerializer, Immutable, Alias("fleet.publish-firmware-result.published")]
    public sealed record Published([property: Id(0)] FirmwareView Firmware) : PublishFirmwareResult;

    [GenerateSerializer, Immutable, Alias("fleet.publish-firmware-result.not-found")]
    public sealed record NotFound : PublishFirmwareResult;
}
