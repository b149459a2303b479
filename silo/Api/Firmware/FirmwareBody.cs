using Fleet.Interfaces.Firmware;

namespace Fleet.Silo.Api.Firmware;

/// <summary>One version of a model's firmware.</summary>
/// <param name="Status">uploaded, published or withdrawn.</param>
/// <param name="Sha256">64 lower-case hex digits.</param>
/// <param name="Signature">base64 of the DER ECDSA P-256 signature over SHA-256 of the file.</param>
/// <param name="Manifest">base64 of the manifest's bytes, a JSON object.</param>
/// <param name="ManifestSignature">base64 of the DER ECDSA P-256 signature over SHA-256 of the manifest's bytes.</param>
/// <param name="Stream">The MQTT stream it is delivered by, once published.</param>
/// <param name="Floor">Once a device has confirmed this version it refuses any below this one.</param>
internal sealed record FirmwareBody(
    string Model,
    string Version,
    string Status,
    long SizeBytes,
    string Sha256,
    string Signature,
    string Manifest,
    string ManifestSignature,
    string Stream,
    string? Floor,
    DateTimeOffset UploadedAt,
    DateTimeOffset? PublishedAt)
{
    public static FirmwareBody Of(FirmwareView firmware) => new(
        firmware.Model.Value, firmware.Version.Value, StatusOf(firmware.Status), firmware.SizeBytes, firmware.Sha256, firmware.Signature,
        firmware.Manifest, firmware.ManifestSignature, firmware.Stream.Value, firmware.Floor?.Value, firmware.UploadedAt,
        firmware.PublishedAt);

    private static string StatusOf(FirmwareStatus status) => status switch
    {
        FirmwareStatus.Uploaded => "uploaded",
        FirmwareStatus.Published => "published",
        FirmwareStatus.Withdrawn => "withdrawn",
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
