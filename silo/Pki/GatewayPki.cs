using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Pki;

/// <summary>What a gateway of its own opens of the Fleet's keys and certificates. It makes none: that is the silos' work, and no other key is its business.</summary>
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
            throw new StartupException($"{folder} has no server certificate, authority or download key yet. A silo makes them: start one first.");
        try
        {
            return new(server, X509CertificateLoader.LoadCertificateFromFile(caCertificateFile), DownloadKey.Load(downloadKey), caCertificateFile);
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
