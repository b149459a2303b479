using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Samples.DotnetDevice;

/// <summary>How a job ends, as the wire names it in capitals. The numbers are the exit codes of <c>--once</c>.</summary>
internal enum JobResult { Succeeded, Failed, Rejected }

/// <summary>The update ends here, with a reason for the operator.</summary>
internal sealed class UpdateException(JobResult result, string reason) : Exception(reason)
{
    public JobResult Result => result;
}

/// <summary>A firmware that this device is willing to install: only what the firmware signer vouches for, and where to get it.</summary>
internal sealed record Firmware(Manifest Manifest, byte[] Sha256, byte[] Signature, string Stream, int FileId, X509Certificate2 Signer)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
    };

    /// <summary>Judges a job document before a byte is fetched.</summary>
    /// <exception cref="UpdateException">It is not for this device, or not to be trusted.</exception>
    public static Firmware From(JsonElement document, X509Certificate2 signer, string model, Version? floor)
    {
        JobDocument job;
        Manifest manifest;
        byte[] sha256;
        try
        {
            job = document.Deserialize<JobDocument>(Json) ?? throw new JsonException();
            using var key = signer.GetECDsaPublicKey()!;
            var (bytes, signature) = (job.Fleet.Manifest, job.Fleet.ManifestSignature);
            if (!key.VerifyData(bytes, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))
                throw new UpdateException(JobResult.Rejected, "the manifest is not signed by the firmware signer");
            manifest = JsonSerializer.Deserialize<Manifest>(bytes, Json) ?? throw new JsonException();
            sha256 = Convert.FromHexString(manifest.Sha256);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new UpdateException(JobResult.Rejected, "the job document is not a firmware update that this device knows");
        }
        if (manifest.Model != model)
            throw new UpdateException(JobResult.Rejected, $"the firmware is for model {manifest.Model}, this device is {model}");
        if (manifest.Version < floor)
            throw new UpdateException(JobResult.Rejected, $"version {manifest.Version} is below this device's floor {floor}");
        if (job.Ota is not { Files: [var file] } || !job.Ota.Protocols.Contains("MQTT"))
            throw new UpdateException(JobResult.Rejected, "the job document does not offer one file by MQTT stream");
        return new Firmware(manifest, sha256, file.Signature, job.Ota.StreamName, file.FileId, signer);
    }

    /// <summary>Checks that these bytes are the ones that were signed.</summary>
    /// <exception cref="UpdateException">They are not; the file is gone then, so that a retry does not go on with it.</exception>
    public void Check(string imageFile)
    {
        byte[] sha256;
        using (var image = File.OpenRead(imageFile)) sha256 = SHA256.HashData(image);
        using var key = Signer.GetECDsaPublicKey()!;
        bool isSigned = key.VerifyHash(sha256, Signature, DSASignatureFormat.Rfc3279DerSequence);
        if (isSigned && sha256.SequenceEqual(Sha256)) return;
        File.Delete(imageFile);
        throw isSigned
            ? new UpdateException(JobResult.Failed, "the image is not the one that its manifest names")
            : new UpdateException(JobResult.Rejected, "the image is not signed by the firmware signer");
    }
}

/// <summary>What the firmware signer vouches for.</summary>
/// <param name="Version">Numbers only: this device takes no pre-releases, which <see cref="System.Version"/> does not know.</param>
/// <param name="Sha256">Hex.</param>
/// <param name="Floor">Once this version is confirmed, the device takes none below this one.</param>
internal sealed record Manifest(string Model, Version Version, long SizeBytes, string Sha256, Version? Floor = null);

/// <summary>The job document: FreeRTOS' <c>afr_ota</c>, and beside it the signed manifest. Its other members are for people.</summary>
internal sealed record JobDocument([property: JsonPropertyName("afr_ota")] JobDocument.OtaUpdate Ota, JobDocument.FleetOperation Fleet)
{
    internal sealed record OtaUpdate(string[] Protocols, string StreamName, OtaFile[] Files);

    /// <param name="Signature">DER, ECDSA P-256 over SHA-256 of the file.</param>
    internal sealed record OtaFile(int FileId, [property: JsonPropertyName("sig-sha256-ecdsa")] byte[] Signature);

    /// <param name="Manifest">A JSON object's bytes, base64 on the wire.</param>
    internal sealed record FleetOperation(byte[] Manifest, byte[] ManifestSignature);
}
