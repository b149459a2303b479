using Fleet.Gateway.Blocks;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Blobs;

internal static class BlobServices
{
    /// <summary>The blob store in the data directory's <c>blobs/</c>, for uploads and for the gateway.</summary>
    public static IServiceCollection AddFleetBlobs(this IServiceCollection services)
    {
        services.AddSingleton(s => new BlobStore(s.GetRequiredService<DataDirectory>().File("blobs")));
        services.AddSingleton<IBlobSource>(s => s.GetRequiredService<BlobStore>());
        return services;
    }
}
