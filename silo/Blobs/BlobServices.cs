using Fleet.Gateway.Blocks;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Blobs;

internal static class BlobServices
{
    /// <summary>The blob store in the shared directory's <c>blobs/</c>, for uploads and for the gateway.</summary>
    public static IServiceCollection AddFleetBlobs(this IServiceCollection services)
    {
        services.AddSingleton(s => new BlobStore(s.GetRequiredService<SharedDirectory>().File("blobs")));
        services.AddSingleton<IBlobSource>(s => s.GetRequiredService<BlobStore>());
        return services;
    }

    /// <summary>The same folder for a gateway of its own, which only reads.</summary>
    public static IServiceCollection AddFleetBlobSource(this IServiceCollection services) =>
        services.AddSingleton<IBlobSource>(s => new BlobFolder(s.GetRequiredService<SharedDirectory>().File("blobs")));
}
