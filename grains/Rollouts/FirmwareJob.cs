using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Jobs;

namespace Fleet.Grains.Rollouts;

/// <summary>
/// Writes the job document of a firmware rollout: FreeRTOS' afr_ota (spec/aws-iot-topics.md, 2.8) and what Fleet's
/// own agent checks besides.
/// </summary>
internal static class FirmwareJob
{
    private const long MiB = 1024 * 1024;

    // Not escaped beyond what JSON asks for: small parsers on devices compare base64 as it stands and know no \u002B.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Document(FirmwareView firmware)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            WriteOta(json, firmware);
            json.WriteStartObject("fleet");
            json.WriteString("operation", "firmware");
            json.WriteString("model", firmware.Model.Value);
            json.WriteString("version", firmware.Version.Value);
            json.WriteString("sha256", firmware.Sha256);
            json.WriteString("manifest", firmware.Manifest);
            json.WriteString("manifestSignature", firmware.ManifestSignature);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteOta(Utf8JsonWriter json, FirmwareView firmware)
    {
        // Small files by stream, large ones by download, between them as the device likes (design, section 6).
        bool stream = firmware.SizeBytes <= 16 * MiB, download = firmware.SizeBytes > MiB;
        json.WriteStartObject("afr_ota");
        json.WriteStartArray("protocols");
        if (stream) json.WriteStringValue("MQTT");
        if (download) json.WriteStringValue("HTTP");
        json.WriteEndArray();
        json.WriteString("streamname", firmware.Stream.Value);
        json.WriteStartArray("files");
        json.WriteStartObject();
        json.WriteString("filepath", "/firmware");
        json.WriteNumber("filesize", firmware.SizeBytes);
        json.WriteNumber("fileid", 0);
        json.WriteString("certfile", "firmware-signer");
        json.WriteNumber("fileType", 0);
        if (download)
        {
            json.WriteString("update_data_url", JobDocuments.DownloadUrlPlaceholder);
            json.WriteString("auth_scheme", "aws.s3.presigned");
        }
        json.WriteString("sig-sha256-ecdsa", firmware.Signature);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
