using System.Security.Cryptography.X509Certificates;

namespace Fleet.Silo.Pki;

/// <summary>
/// What the processes of one cluster know each other by: a key and its certificate, in <c>pki/cluster.key</c> of the shared directory.
/// Whoever reads that file belongs to the cluster. Once it is replaced, the former certificate opens nothing any more.
/// </summary>
internal sealed class ClusterIdentity : IDisposable
{
    /// <summary>In the certificate, as a DNS name.</summary>
    public const string Name = "cluster.fleet.internal";

    private readonly Identity _identity;

    private ClusterIdentity(Identity identity) => _identity = identity;

    /// <summary>With the private key.</summary>
    public X509Certificate2 Certificate => _identity.Certificate;

    /// <summary>A silo makes the file if there is none.</summary>
    /// <exception cref="StartupException">It is there and of no use.</exception>
    public static ClusterIdentity Open(string folder, CaSigner ca, DateTimeOffset now, ILogger log)
    {
        string path = PathIn(folder);
        if (Identity.Load(path) is { } found) return new(found);
        var made = Identity.Make(path, key => PkiProfiles.Cluster(ca, key, now));
        log.MadeClusterCertificate(path);
        return new(made);
    }

    /// <summary>A gateway takes what a silo has made.</summary>
    /// <exception cref="StartupException">It is not there yet, or is of no use.</exception>
    public static ClusterIdentity Load(string folder) => Identity.Load(PathIn(folder)) is { } identity
        ? new(identity)
        : throw new StartupException($"{PathIn(folder)} is not there yet. A silo makes it: start one first.");

    /// <summary>Whether it is the very certificate that this cluster shares.</summary>
    public bool Recognizes(X509Certificate2 certificate) => certificate.RawDataMemory.Span.SequenceEqual(Certificate.RawDataMemory.Span);

    public void Dispose() => _identity.Dispose();

    private static string PathIn(string folder) => Path.Combine(folder, "cluster.key");
}
