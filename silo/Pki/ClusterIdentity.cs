using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Pki;

/// <summary>
/// What the processes of one cluster know each other by, in <c>pki/cluster.key</c> of the shared directory: a key, and a certificate of the fleet's
/// authority with a name that no device and no server gets. Whoever reads that file belongs to the cluster.
/// </summary>
internal sealed class ClusterIdentity : IDisposable
{
    /// <summary>In the certificate, as a DNS name.</summary>
    public const string Name = "cluster.fleet.internal";

    private readonly Identity _identity;
    private readonly X509Certificate2 _ca;

    private ClusterIdentity(Identity identity, X509Certificate2 ca) => (_identity, _ca) = (identity, ca);

    /// <summary>With the private key.</summary>
    public X509Certificate2 Certificate => _identity.Certificate;

    /// <summary>A silo makes the file if there is none.</summary>
    /// <exception cref="StartupException">It is there, and of no use, or was issued by another authority.</exception>
    public static ClusterIdentity Open(string folder, CaSigner ca, DateTimeOffset now, ILogger log)
    {
        string path = PathIn(folder);
        if (Identity.Load(path) is not { } identity)
        {
            identity = Identity.Make(path, key => PkiProfiles.Cluster(ca, key, now));
            log.MadeClusterCertificate(path);
        }
        return Checked(path, new(identity, ca.Certificate));
    }

    /// <summary>A gateway takes what a silo has made.</summary>
    /// <exception cref="StartupException">It is not there yet, is of no use, or was issued by another authority.</exception>
    public static ClusterIdentity Load(string folder, X509Certificate2 ca)
    {
        string path = PathIn(folder);
        return Identity.Load(path) is { } identity
            ? Checked(path, new(identity, ca))
            : throw new StartupException($"{path} is not there yet. A silo makes it: start one first.");
    }

    /// <summary>Whether the certificate is one of this cluster's: of its authority, for both ends of a connection, with its name, and in force.</summary>
    public bool Recognizes(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_ca);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(CertificateOids.ServerAuth));
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(CertificateOids.ClientAuth));
        return chain.Build(certificate) && certificate.MatchesHostname(Name, allowWildcards: false, allowCommonName: false);
    }

    public void Dispose() => _identity.Dispose();

    private static string PathIn(string folder) => Path.Combine(folder, "cluster.key");

    private static ClusterIdentity Checked(string path, ClusterIdentity identity) => identity.Recognizes(identity.Certificate)
        ? identity
        : throw new StartupException(
            $"{path} is not a certificate of this cluster, or has ended. Delete it while no silo runs: the next one that starts makes another.");
}
