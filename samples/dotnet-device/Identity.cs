using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Fleet.Samples.DotnetDevice;

/// <summary>
/// Who this device is: <c>key.pem</c>, <c>certificate.pem</c> and <c>firmware-signer.pem</c> in its folder. A device without them asks
/// for them once, with a claim certificate that is good for nothing else (fleet provisioning by claim, as on AWS IoT).
/// </summary>
internal sealed record Identity(X509Certificate2 Certificate, X509Certificate2 FirmwareSigner)
{
    public static async Task<Identity> LoadOrEnrolAsync(DeviceOptions options, CancellationToken stop)
    {
        string InFolder(string name) => Path.Combine(options.Folder, name);
        if (!File.Exists(InFolder("certificate.pem")))
        {
            var (key, certificate, signer) = await EnrolAsync(options, stop);
            WholeFile.Write(InFolder("key.pem"), key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            WholeFile.Write(InFolder("firmware-signer.pem"), signer);
            // Last: where the certificate is, the others are too.
            WholeFile.Write(InFolder("certificate.pem"), certificate);
            Console.WriteLine($"{options.Thing} is enrolled");
        }
        return new Identity(
            WithKey(File.ReadAllText(InFolder("certificate.pem")), File.ReadAllText(InFolder("key.pem"))),
            X509Certificate2.CreateFromPem(File.ReadAllText(InFolder("firmware-signer.pem"))));
    }

    private static async Task<(string Key, string Certificate, string Signer)> EnrolAsync(DeviceOptions options, CancellationToken stop)
    {
        const string create = "$aws/certificates/create-from-csr/json", register = "$aws/provisioning-templates/fleet/provision/json";
        var claim = JsonNode.Parse(await File.ReadAllTextAsync(options.ClaimFile, stop))!;
        using var certificate = WithKey((string)claim["certificatePem"]!, (string)claim["privateKey"]!);
        await using var fleet = new FleetConnection(options, stop);
        await fleet.OpenAsync(certificate, [$"{create}/accepted", $"{create}/rejected", $"{register}/accepted", $"{register}/rejected"]);

        // The key is made here and never leaves. A real device makes it in its secure element.
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string csr = new CertificateRequest($"CN={options.Thing}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var created = await fleet.AskAsync(create, new JsonObject { ["certificateSigningRequest"] = csr });
        var registered = await fleet.AskAsync(register, new JsonObject
        {
            ["certificateOwnershipToken"] = (string)created["certificateOwnershipToken"]!,
            ["parameters"] = new JsonObject { ["ThingName"] = options.Thing, ["Model"] = options.Model },
        });
        string signer = (string)registered["deviceConfiguration"]!["firmwareSigner"]!;
        CheckSigner(signer, options.CaFile);
        return (key.ExportPkcs8PrivateKeyPem(), (string)created["certificatePem"]!, signer);
    }

    /// <summary>Firmware is signed by a certificate that our own authority issued for code signing, and by no other.</summary>
    private static void CheckSigner(string pem, string caFile)
    {
        using var signer = X509Certificate2.CreateFromPem(pem);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(X509CertificateLoader.LoadCertificateFromFile(caFile));
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.3"));
        if (!chain.Build(signer)) throw new RefusedException($"The firmware signer {signer.Subject} is not to be trusted.");
    }

    /// <summary>By way of PKCS #12, because TLS on Windows cannot use a key that was only read from PEM.</summary>
    private static X509Certificate2 WithKey(string certificatePem, string keyPem)
    {
        using var certificate = X509Certificate2.CreateFromPem(certificatePem, keyPem);
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null);
    }
}
