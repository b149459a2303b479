using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway;
using Fleet.Gateway.Downloads;
using Fleet.Silo.Files;

namespace Fleet.Silo.Pki;

/// <summary>
/// What a gateway of its own opens of the Fleet's keys and certificates. It makes none: that is the silos' work, and no
/// other key is its business.
/// </summary>
internal sealed class GatewayPki : IDisposable
{
    private readonly Identity _server;
    private readonly X509Certificate2 _ca;

    private GatewayPki(Identity server, X509Certificate2 ca, DownloadKey downloadKey, string caCertificateFile)
    {
        (_server, _ca, DownloadKey, CaCertificateFile) = (server, ca, downloadKey, caCertificateFile);
        Trust = new GatewayTrust(server, ca);
    }

    public GatewayTrust Trust { get; }
    public DownloadKey DownloadKey { get; }

    /// <summary>What a device trusts, PEM.</summary>
    public string CaCertificateFile { get; }

    /// <exception cref="StartupException">Something is missing or of no use.</exception>
    public static GatewayPki Load(string folder)
    {
        string caCertificateFile = Path.Combine(folder, "ca.crt"), downloadKey = Path.Combine(folder, "download.key");
        var server = Identity.Load(Path.Combine(folder, "server.key"));
        if (server is null || !File.Exists(caCertificateFile) || !File.Exists(downloadKey))
            throw new StartupException(
                $"{folder} has no server certificate, authority or download key yet. A silo makes them: start one first.");
        try
        {
            return new(
                server, X509CertificateLoader.LoadCertificateFromFile(caCertificateFile), DownloadKey.Load(downloadKey), caCertificateFile);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{folder} cannot be used: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _server.Dispose();
        _ca.Dispose();
    }
}

internal sealed class GatewayTrust(Identity server, X509Certificate2 ca) : IGatewayTrust
{
    public SslStreamCertificateContext ServerCertificate { get; } =
        SslStreamCertificateContext.Create(Usable(server.Certificate), additionalCertificates: null, offline: true);

    public X509Certificate2Collection ClientAnchors { get; } = [X509CertificateLoader.LoadCertificate(ca.RawData)];

    /// <summary>
    /// Windows' TLS takes no key that only lives in memory beside its certificate; a PKCS#12 in between makes it one that it takes.
    /// </summary>
    private static X509Certificate2 Usable(X509Certificate2 certificate) => OperatingSystem.IsWindows()
        ? X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null)
        : certificate;
}

/// <summary>32 random bytes in a file. Download URLs live for minutes, so a lost key costs nothing but those.</summary>
internal sealed class DownloadKey : IDownloadKey
{
    private const int Length = 32;

    private readonly byte[] _key;

    private DownloadKey(byte[] key) => _key = key;

    public ReadOnlySpan<byte> Key => _key;

    public static DownloadKey Open(string path)
    {
        if (!File.Exists(path)) AtomicFile.Write(path, RandomNumberGenerator.GetBytes(Length), secret: true);
        return Load(path);
    }

    public static DownloadKey Load(string path)
    {
        var key = File.ReadAllBytes(path);
        return key.Length == Length
            ? new DownloadKey(key)
            : throw new StartupException(
                $"{path} cannot be used: it holds {key.Length} bytes instead of {Length}. Delete it to have a new one made.");
    }
}
