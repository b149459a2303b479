using System.Security.Cryptography;
using Fleet.Gateway.Downloads;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Pki;

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
            : throw new StartupException($"{path} cannot be used: it holds {key.Length} bytes instead of {Length}. Delete it to have a new one made.");
    }
}
