using Fleet.Gateway.Blocks;
using Fleet.Silo.Files;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Silo.Blobs;

/// <summary>
/// Files named by their SHA-256, as <c>{folder}/{first two digits}/{digest}</c>, for who only reads them: a gateway of its own has no more.
/// A file has that name only when all of it is on the disk.
/// </summary>
internal class BlobFolder(string folder) : IBlobSource
{
    protected string Folder { get; } = folder;

    public SafeFileHandle? OpenRead(string sha256)
    {
        if (PathOf(sha256) is not { } path) return null;
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Where a blob is, or would be; null if that is not a digest: 64 lower-case hex digits.</summary>
    public string? PathOf(string sha256) => sha256.Length == 64 && sha256.All(char.IsAsciiHexDigitLower)
        ? Path.Combine(Folder, sha256[..2], sha256)
        : null;
}

internal static class BlobServices
{
    /// <summary>The blob store in the shared directory's <c>blobs/</c>, for uploads and for the gateway.</summary>
    public static IServiceCollection AddFleetBlobs(this IServiceCollection services)
    {
        services.AddSingleton(s => new BlobStore(
            s.GetRequiredService<SharedDirectory>().File("blobs"), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IBlobSource>(s => s.GetRequiredService<BlobStore>());
        services.AddOptions<BlobOptions>().BindConfiguration(BlobOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddHostedService<BlobCollector>();
        return services;
    }

    /// <summary>The same folder for a gateway of its own, which only reads.</summary>
    public static IServiceCollection AddFleetBlobSource(this IServiceCollection services) =>
        services.AddSingleton<IBlobSource>(s => new BlobFolder(s.GetRequiredService<SharedDirectory>().File("blobs")));
}
