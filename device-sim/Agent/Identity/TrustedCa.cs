using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.DeviceSim.Agent.Wire;

namespace Fleet.DeviceSim.Agent.Identity;

/// <summary>The one authority a device trusts: for the server it talks to, and for whoever signs its firmware.</summary>
internal sealed class TrustedCa(X509Certificate2Collection anchors, TimeProvider time)
{
    private const string CodeSigning = "1.3.6.1.5.5.7.3.3";

    // A fleet has one signer: checked once, not once per device.
    private readonly ConcurrentDictionary<string, X509Certificate2> _signers = new(StringComparer.Ordinal);

    public X509Certificate2Collection Anchors => anchors;

    /// <param name="path">PEM; one certificate or several.</param>
    /// <exception cref="InvalidDataException">There is no certificate in the file.</exception>
    public static TrustedCa FromFile(string path, TimeProvider time)
    {
        var anchors = new X509Certificate2Collection();
        try
        {
            anchors.ImportFromPemFile(path);
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException($"{path} holds no certificate in PEM: {e.Message}", e);
        }
        return anchors.Count > 0 ? new TrustedCa(anchors, time) : throw new InvalidDataException($"{path} holds no certificate in PEM.");
    }

    /// <summary>The firmware signer's certificate, if this authority issued it for signing code.</summary>
    /// <exception cref="WireException">It did not.</exception>
    public X509Certificate2 VerifiedSigner(string pem) => _signers.GetOrAdd(pem, static (pem, ca) => ca.Verify(pem), this);

    private X509Certificate2 Verify(string pem)
    {
        X509Certificate2 signer;
        try
        {
            signer = X509Certificate2.CreateFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new WireException("firmwareSigner is not a certificate in PEM.", e);
        }
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy = Policy();
        policy.ApplicationPolicy.Add(new Oid(CodeSigning));
        if (chain.Build(signer)) return signer;
        throw new WireException(
            $"The firmware signer {signer.Subject} is not to be trusted: "
            + string.Join("; ", chain.ChainStatus.Select(s => s.StatusInformation.Trim())));
    }

    public X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = time.GetUtcNow().UtcDateTime,
        };
        policy.CustomTrustStore.AddRange(anchors);
        return policy;
    }
}
