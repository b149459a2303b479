using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.Mqtt;

namespace Fleet.DeviceSim.Commands;

/// <summary>What POST /api/v1/claims answers, as far as a device needs it.</summary>
internal sealed record ClaimDocument(string? CertificatePem, string? PrivateKey);

/// <summary>
/// Claim certificates on disk: one file for the whole batch, or a folder with one per thing. A file is the JSON that POST /api/v1/claims
/// answered, or PEM with certificate and key; a PEM certificate may have its key beside it in a file that ends in <c>.key</c>.
/// </summary>
internal sealed class ClaimFiles
{
    private readonly string _path;
    private readonly TrustedCa _ca;
    private readonly TlsOptions? _shared;

    /// <exception cref="UsageException">There is nothing there that is a claim.</exception>
    public ClaimFiles(string path, TrustedCa ca)
    {
        (_path, _ca) = (path, ca);
        if (Directory.Exists(path)) return;
        if (!File.Exists(path))
            throw new UsageException($"--claim: there is no {path}. POST /api/v1/claims makes a claim; its answer is the file.");
        _shared = Read(path);
    }

    /// <summary>TLS with the claim that this thing may use.</summary>
    /// <exception cref="WireException">The folder holds none for it: that device's trouble, not everybody's.</exception>
    public TlsOptions TlsFor(string thing)
    {
        try
        {
            return _shared ?? Read(Find(thing));
        }
        catch (UsageException e)
        {
            throw new WireException(e.Message, e);
        }
    }

    private string Find(string thing)
    {
        string[] candidates = [$"{thing}.json", $"{thing}.pem", $"{thing}.crt", "claim.json", "claim.pem", "claim.crt"];
        return candidates.Select(name => Path.Combine(_path, name)).FirstOrDefault(File.Exists)
            ?? throw new UsageException($"--claim: {_path} holds no claim for {thing}: none of {string.Join(", ", candidates)}.");
    }

    private TlsOptions Read(string file)
    {
        try
        {
            var text = File.ReadAllText(file);
            var certificate = text.TrimStart().StartsWith('{') ? FromJson(file, text) : FromPem(file, text);
            return new TlsOptions { ClientCertificate = certificate, TrustAnchors = _ca.Anchors };
        }
        catch (Exception e) when (e is CryptographicException or JsonException or ArgumentException)
        {
            throw new UsageException($"--claim: {file} is not a claim: {e.Message}");
        }
    }

    private static X509Certificate2 FromJson(string file, string text) =>
        JsonSerializer.Deserialize(text, ClaimJson.Default.ClaimDocument) is { CertificatePem: { } certificate, PrivateKey: { } key }
            ? X509Certificate2.CreateFromPem(certificate, key)
            : throw new UsageException(
                $"--claim: {file} has no certificatePem and privateKey; it should be the answer of POST /api/v1/claims.");

    private static X509Certificate2 FromPem(string file, string text)
    {
        var keyFile = Path.ChangeExtension(file, ".key");
        if (text.Contains("PRIVATE KEY", StringComparison.Ordinal)) return X509Certificate2.CreateFromPem(text, text);
        return File.Exists(keyFile)
            ? X509Certificate2.CreateFromPem(text, File.ReadAllText(keyFile))
            : throw new UsageException($"--claim: {file} holds no private key, and there is no {keyFile}.");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ClaimDocument))]
internal sealed partial class ClaimJson : JsonSerializerContext;
