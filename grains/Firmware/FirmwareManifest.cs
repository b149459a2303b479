using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Firmware;

/// <summary>
/// What is signed beside the file itself, so that a signature cannot be moved to another model or version (spec/security.md, 2.5).
/// </summary>
/// <param name="Floor">Absent when the version leaves the device's floor alone.</param>
internal sealed record FirmwareManifest(string Model, string Version, long SizeBytes, string Sha256, string? Floor)
{
    /// <summary>The bytes that are signed and handed out. Nobody writes them again: a device verifies them as they came.</summary>
    public static byte[] BytesFor(ModelName model, FirmwareVersion version, FirmwareUpload upload) => JsonSerializer.SerializeToUtf8Bytes(
        new FirmwareManifest(model.Value, version.Value, upload.SizeBytes, upload.Sha256, upload.Floor?.Value),
        ManifestJson.Default.FirmwareManifest);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FirmwareManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
