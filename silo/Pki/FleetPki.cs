using System.Text;
using Fleet.Silo.Files;

namespace Fleet.Silo.Pki;

/// <summary>
/// The keys and certificates of one Fleet, in the data directory's <c>pki/</c>: made on the first start, found there on the next.
/// </summary>
internal sealed class FleetPki : IDisposable
{
    private readonly Identity _ca;
    private readonly Identity _server;
    private readonly Identity _firmwareSigner;

    private FleetPki(
        Identity ca, CaSigner signer, Identity server, Identity firmwareSigner, DownloadKey downloadKey, string caCertificateFile)
    {
        (_ca, _server, _firmwareSigner) = (ca, server, firmwareSigner);
        (Signer, DownloadKey, CaCertificateFile) = (signer, downloadKey, caCertificateFile);
        FirmwareSigner = new FirmwareSigner(firmwareSigner);
        GatewayTrust = new GatewayTrust(server, ca.Certificate);
    }

    /// <summary>What a device trusts, PEM.</summary>
    public string CaCertificateFile { get; }

    public CaSigner Signer { get; }
    public FirmwareSigner FirmwareSigner { get; }
    public GatewayTrust GatewayTrust { get; }
    public DownloadKey DownloadKey { get; }

    /// <param name="folder">Made if need be, for its owner alone.</param>
    /// <param name="serverNames">What the server's certificate must answer to: all of it, and nothing else.</param>
    /// <exception cref="StartupException">A file is there and cannot be used.</exception>
    public static FleetPki Open(string folder, ImmutableSortedSet<string> serverNames, DateTimeOffset now, ILogger log)
    {
        PrivateFolder.Make(folder);

        var ca = OpenCa(Path.Combine(folder, "ca.key"), now, log);
        var signer = new CaSigner(ca);
        var caCertificateFile = Path.Combine(folder, "ca.crt");
        // ca.key holds the certificate too and is the truth; this is the copy to hand out.
        if (!File.Exists(caCertificateFile) || File.ReadAllText(caCertificateFile) != ca.CertificatePem)
            AtomicFile.Write(caCertificateFile, Encoding.ASCII.GetBytes(ca.CertificatePem), secret: false);

        return new FleetPki(
            ca, signer, OpenServer(Path.Combine(folder, "server.key"), signer, serverNames, now, log),
            OpenFirmwareSigner(Path.Combine(folder, "firmware-signer.key"), signer, now, log),
            DownloadKey.Open(Path.Combine(folder, "download.key")), caCertificateFile);
    }

    public void Dispose()
    {
        _ca.Dispose();
        _server.Dispose();
        _firmwareSigner.Dispose();
    }

    private static Identity OpenCa(string path, DateTimeOffset now, ILogger log)
    {
        if (Identity.Load(path) is { } found)
        {
            return found.Certificate.NotAfter.ToUniversalTime() > now
                ? found
                : throw new StartupException($"The certificate authority in {path} ended on {found.Certificate.NotAfter:u}.");
        }
        var made = Identity.Make(path, key => PkiProfiles.SelfSignedCa(key, now));
        log.MadeCa(path, made.Certificate.Subject, made.Certificate.NotAfter.ToUniversalTime());
        return made;
    }

    private static Identity OpenServer(string path, CaSigner ca, ImmutableSortedSet<string> names, DateTimeOffset now, ILogger log)
    {
        var found = Identity.Load(path);
        if (found is not null && ca.HasIssued(found.Certificate) && ServerName.In(found.Certificate).SetEquals(names) &&
            found.Certificate.NotAfter.ToUniversalTime() - PkiProfiles.ServerRenewal > now)
        {
            return found;
        }
        found?.Dispose();
        var made = Identity.Make(path, key => PkiProfiles.Server(ca, key, names, now));
        log.MadeServerCertificate(string.Join(", ", names), made.Certificate.NotAfter.ToUniversalTime());
        return made;
    }

    private static Identity OpenFirmwareSigner(string path, CaSigner ca, DateTimeOffset now, ILogger log)
    {
        if (Identity.Load(path) is { } found)
        {
            return ca.HasIssued(found.Certificate)
                ? found
                : throw new StartupException(
                    $"{path} was issued by another authority than the one beside it. Put back the file that was there.");
        }
        var made = Identity.Make(path, key => PkiProfiles.FirmwareSigner(ca, key, now));
        log.MadeFirmwareSigner(path);
        return made;
    }
}

/// <summary>Event ids 5601 to 5699.</summary>
internal static partial class PkiLog
{
    [LoggerMessage(5601, LogLevel.Information, "Made the certificate authority {Subject}, valid until {NotAfter:u}, in {Path}")]
    public static partial void MadeCa(this ILogger log, string path, string subject, DateTime notAfter);

    [LoggerMessage(5602, LogLevel.Information, "Made a server certificate for {Names}, valid until {NotAfter:u}")]
    public static partial void MadeServerCertificate(this ILogger log, string names, DateTime notAfter);

    [LoggerMessage(5603, LogLevel.Information, "Made the firmware signer, in {Path}")]
    public static partial void MadeFirmwareSigner(this ILogger log, string path);

    [LoggerMessage(5604, LogLevel.Information, "Made the certificate that the cluster's processes know each other by, in {Path}")]
    public static partial void MadeClusterCertificate(this ILogger log, string path);
}
