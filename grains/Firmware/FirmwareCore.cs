using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;

namespace Fleet.Grains.Firmware;

/// <summary>The life of one version: uploaded once and for good, then published.</summary>
internal static class FirmwareCore
{
    /// <summary>
    /// The answer to an upload whose version is there, and what becomes of the state: one that is not published yet counts as uploaded now.
    /// Null when the upload is the first of its version.
    /// </summary>
    public static (UploadFirmwareResult Answer, FirmwareState Renewed)? Repeat(
        FirmwareState state, FirmwareUpload upload, DateTimeOffset now)
    {
        if (state.Firmware is not { } firmware) return null;
        if (firmware.Sha256 != upload.Sha256 || firmware.SizeBytes != upload.SizeBytes || firmware.Floor != upload.Floor)
            return (new UploadFirmwareResult.VersionInUse(firmware), state);
        if (firmware.Status == FirmwareStatus.Uploaded) firmware = firmware with { UploadedAt = now };
        return (new UploadFirmwareResult.Stored(firmware, Created: false), state with { Firmware = firmware });
    }

    /// <param name="manifest">The manifest's bytes, as they were signed.</param>
    public static FirmwareState Store(
        ModelName model, FirmwareVersion version, FirmwareUpload upload, byte[] signature, byte[] manifest, byte[] manifestSignature,
        DateTimeOffset now) => new()
        {
            Firmware = new FirmwareView
            {
                Model = model,
                Version = version,
                Status = FirmwareStatus.Uploaded,
                SizeBytes = upload.SizeBytes,
                Sha256 = upload.Sha256,
                Signature = Convert.ToBase64String(signature),
                Manifest = Convert.ToBase64String(manifest),
                ManifestSignature = Convert.ToBase64String(manifestSignature),
                Stream = StreamOf(model, version),
                UploadedAt = now,
                PublishedAt = null,
                Floor = upload.Floor,
            },
        };

    public static FirmwareState Publish(FirmwareState state, DateTimeOffset now) =>
        state.Firmware is { Status: FirmwareStatus.Uploaded } firmware
            ? state with { Firmware = firmware with { Status = FirmwareStatus.Published, PublishedAt = now } }
            : state;

    /// <summary>Whether it was never published, and its upload is long ago.</summary>
    public static bool IsAbandoned(FirmwareState state, DateTimeOffset uploadedBefore) =>
        state.Firmware is { Status: FirmwareStatus.Uploaded } firmware && firmware.UploadedAt < uploadedBefore;

    /// <summary>One file, id 0: what the job document names.</summary>
    public static StreamDescription Describe(FirmwareView firmware) =>
        new($"{firmware.Model} {firmware.Version}", [new StreamFile(0, firmware.SizeBytes, firmware.Sha256)]);

    /// <summary>
    /// Short, because the request buffers of small devices are (spec/aws-iot-topics.md, 3.7), and the same for every upload.
    /// </summary>
    public static StreamId StreamOf(ModelName model, FirmwareVersion version)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(FirmwareKeys.Of(model, version))));
        return StreamId.TryParse($"fw-{digest[..32]}", out var id)
            ? id : throw new InvalidOperationException("fw- and hex is a stream id.");
    }
}
