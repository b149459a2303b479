using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Silo.Files;

namespace Fleet.Silo.Pki;

/// <summary>
/// A key and its certificate, kept in one PEM file, so that there is never one without the other. The key is ECDSA P-256.
/// </summary>
internal sealed class Identity : IDisposable
{
    private Identity(X509Certificate2 certificate, ECDsa key) =>
        (Certificate, Key, CertificatePem) = (certificate, key, PemOf(certificate));

    /// <summary>With the private key.</summary>
    public X509Certificate2 Certificate { get; }

    public ECDsa Key { get; }

    /// <summary>The certificate alone.</summary>
    public string CertificatePem { get; }

    /// <summary>Null if there is no such file.</summary>
    /// <exception cref="StartupException">It is there and of no use. It is not replaced: somebody may trust what was in it.</exception>
    public static Identity? Load(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            return Of(X509Certificate2.CreateFromPemFile(path));
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{path} cannot be used: {e.Message} Put back the file that was there.", e);
        }
    }

    /// <summary>Signs a new certificate for a new key, and keeps both.</summary>
    public static Identity Make(string path, Func<ECDsa, X509Certificate2> sign)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = sign(key);
        AtomicFile.Write(path, Encoding.ASCII.GetBytes($"{key.ExportPkcs8PrivateKeyPem()}\n{PemOf(certificate)}"), secret: true);
        return Load(path)!;
    }

    public void Dispose()
    {
        Key.Dispose();
        Certificate.Dispose();
    }

    private static Identity Of(X509Certificate2 certificate) =>
        new(certificate, certificate.GetECDsaPrivateKey() ?? throw new CryptographicException("The key is not an elliptic curve key."));

    private static string PemOf(X509Certificate2 certificate) => certificate.ExportCertificatePem() + "\n";
}
