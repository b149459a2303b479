using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Hosting;
using Orleans.Metadata;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Configuration;
using Orleans.Serialization.Serializers;

namespace Fleet.Testing.Grains;

/// <summary>
/// What Orleans knows of the types of this process: generated proxies, copiers, names. From a client that is never started.
/// </summary>
internal static class OrleansTypes
{
    public static IServiceProvider Provider { get; } =
        new ServiceCollection().AddOrleansClient(client => client.UseLocalhostClustering()).BuildServiceProvider();

    public static CodecProvider Codecs { get; } = Provider.GetRequiredService<CodecProvider>();
    public static CopyContextPool Copies { get; } = Provider.GetRequiredService<CopyContextPool>();
    public static DeepCopier Copier { get; } = Provider.GetRequiredService<DeepCopier>();
    public static GrainTypeResolver GrainTypes { get; } = Provider.GetRequiredService<GrainTypeResolver>();
    public static GrainInterfaceTypeResolver InterfaceTypes { get; } = Provider.GetRequiredService<GrainInterfaceTypeResolver>();

    private static readonly Type[] Proxies = [.. Provider.GetRequiredService<IOptions<TypeManifestOptions>>().Value.InterfaceProxies];
    private static readonly ConcurrentDictionary<Type, Type> ProxyOf = new();

    /// <summary>The generated class that implements this interface and, of grain interfaces, only those that it inherits.</summary>
    public static Type ProxyFor(Type interfaceType) => ProxyOf.GetOrAdd(interfaceType, static type => Proxies.Single(proxy =>
    {
        var contracts = proxy.GetInterfaces().Where(IsAddressable).ToArray();
        return contracts.Contains(type) && contracts.All(contract => contract.IsAssignableFrom(type));
    }));

    /// <summary>Whether it is a grain interface of somebody's own, rather than one of Orleans' markers.</summary>
    public static bool IsGrainInterface(Type type) =>
        type is { IsInterface: true, IsGenericTypeDefinition: false } && type.IsAssignableTo(typeof(IGrain))
        && type.Assembly != typeof(IGrain).Assembly && type != typeof(IRemindable);

    private static bool IsAddressable(Type type) => type.IsAssignableTo(typeof(IAddressable));
}
