using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.DeviceSim.Images;

namespace Fleet.DeviceSim.Agent.Jobs;

/// <summary>What the device found in a job document.</summary>
internal abstract record Admission
{
    private Admission() { }

    internal sealed record Admitted(FirmwareJob Job) : Admission;

    /// <summary>The execution is to be REJECTED with this reason.</summary>
    internal sealed record Refused(string Reason) : Admission;

    /// <summary>
    /// Checks a document before a byte is fetched: that the firmware signer vouches for the manifest, that the manifest is for this model
    /// and is what the document says, and that its version is not below the device's floor (spec/security.md, 2.3: A2, A4, A13, A14).
    /// </summary>
    /// <param name="signer">Certificate of the firmware signer.</param>
    public static Admission Judge(JobExecutionMessage execution, string model, string? floor, X509Certificate2 signer)
    {
        if (!TryRead(execution.JobDocument, out var document))
            return new Refused("the job document is not an update that this device knows");
        if (document is not { Ota: { Files: [var file] } ota, Fleet: { Operation: "firmware" } fleet })
            return new Refused("the job document is not a firmware update of one file");
        if (!TryDecode(fleet.Manifest, out var manifestBytes) || !TryDecode(fleet.ManifestSignature, out var manifestSignature))
            return new Refused("the manifest or its signature is missing or not base64");
        if (!IsSigned(signer, manifestBytes, manifestSignature)) return new Refused("the manifest is not signed by the firmware signer");
        if (!TryReadManifest(manifestBytes, out var manifest)) return new Refused("the manifest cannot be read");
        if (manifest.Model != model) return new Refused($"the firmware is for model {manifest.Model}, this device is {model}");
        if (fleet.Model != manifest.Model || fleet.Version != manifest.Version || fleet.Sha256 != manifest.Sha256
            || file.FileSize != manifest.SizeBytes)
            return new Refused("the job document says other than its signed manifest");
        if (!SemVer.TryParse(manifest.Version, out var version)) return new Refused($"{manifest.Version} is not a version");
        if (SemVer.TryParse(floor, out var lowest) && version.CompareTo(lowest) < 0)
            return new Refused($"version {version} is below this device's floor {lowest}");
        if (manifest is not { SizeBytes: > 0, Sha256: { Length: 64 } sha256 } || !sha256.All(char.IsAsciiHexDigitLower))
            return new Refused("the manifest's size or digest is out of range");
        if (!TryDecode(file.Signature, out var signature)) return new Refused("sig-sha256-ecdsa is missing or not base64");
        var stream = ota.Protocols.Contains("MQTT") && ota.StreamName is { Length: > 0 and <= 128 } name && name.All(IsNameCharacter)
            ? name : null;
        var url = ota.Protocols.Contains("HTTP") ? file.UpdateDataUrl : null;
        if (stream is null && url is null) return new Refused("the job document offers neither a stream nor a URL");
        return new Admitted(new FirmwareJob
        {
            Key = execution.Key,
            Version = version.ToString(),
            SizeBytes = manifest.SizeBytes,
            Sha256 = sha256,
            Signature = signature,
            Floor = manifest.Floor,
            Stream = stream,
            FileId = file.FileId,
            Url = url,
        });
    }

    /// <summary>Whether the signer signed this file. Only DER, no trailing bytes (spec/security.md, 2.5).</summary>
    public static bool IsFileSigned(X509Certificate2 signer, string sha256, byte[] signature)
    {
        using var key = signer.GetECDsaPublicKey();
        return key is not null && key.VerifyHash(Convert.FromHexString(sha256), signature, DSASignatureFormat.Rfc3279DerSequence);
    }

    private static bool IsSigned(X509Certificate2 signer, byte[] data, byte[] signature)
    {
        using var key = signer.GetECDsaPublicKey();
        return key is not null && key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    private static bool TryRead(JsonElement? element, out JobDocument? document)
    {
        document = null;
        try
        {
            document = element?.Deserialize(JobJson.Default.JobDocument);
            return document is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool TryReadManifest(byte[] bytes, out Manifest manifest)
    {
        manifest = null!;
        try
        {
            manifest = JsonSerializer.Deserialize(bytes, JobJson.Default.Manifest)!;
            return manifest is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool TryDecode(string? base64, out byte[] bytes)
    {
        bytes = [];
        if (string.IsNullOrEmpty(base64)) return false;
        var buffer = new byte[base64.Length];
        if (!Convert.TryFromBase64String(base64, buffer, out int length)) return false;
        bytes = buffer[..length];
        return true;
    }

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';
}
