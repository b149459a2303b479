using System.Collections.Concurrent;
using Fleet.Testing.Host.Activations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.CodeGeneration;
using Orleans.Hosting;
using Orleans.Metadata;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Configuration;
using Orleans.Serialization.Invocation;
using Orleans.Serialization.Serializers;

namespace Fleet.Testing.Host.Calls;

/// <summary>What Orleans knows of the types, for the whole process: generated proxies, copiers, names. From a client that is never started.</summary>
internal static class OrleansTypes
{
    private static readonly ServiceProvider Services = Build();
    private static readonly Type[] Proxies = [.. Services.GetRequiredService<IOptions<TypeManifestOptions>>().Value.InterfaceProxies];
    private static readonly ConcurrentDictionary<Type, Type> ProxyOf = new();

    public static CodecProvider Codecs { get; } = Services.GetRequiredService<CodecProvider>();
    public static CopyContextPool Copies { get; } = Services.GetRequiredService<CopyContextPool>();
    public static DeepCopier Copier { get; } = Services.GetRequiredService<DeepCopier>();
    public static IServiceProvider Provider => Services;
    public static GrainTypeResolver GrainTypes { get; } = Services.GetRequiredService<GrainTypeResolver>();
    public static GrainInterfaceTypeResolver InterfaceTypes { get; } = Services.GetRequiredService<GrainInterfaceTypeResolver>();

    public static Type ProxyFor(Type interfaceType) => ProxyOf.GetOrAdd(interfaceType, static type =>
        Proxies.Single(proxy => proxy.GetInterfaces().Where(i => typeof(IAddressable).IsAssignableFrom(i)).ToArray() is var all && all.Contains(type) && all.All(i => i.IsAssignableFrom(type))));

    private static ServiceProvider Build()
    {
        var services = new ServiceCollection();
        services.AddOrleansClient(client => client.UseLocalhostClustering());
        return services.BuildServiceProvider();
    }
}

/// <summary>Makes Orleans' generated references, whose calls come here.</summary>
internal sealed class References(Func<GrainId, ICallTarget> targetOf, Func<CallServices> calls) : IGrainReferenceRuntime
{
    private readonly ConcurrentDictionary<(GrainType, Type), Func<IdSpan, GrainReference>> _makers = new();

    public GrainReference To(GrainId grain, Type interfaceType) => _makers.GetOrAdd((grain.Type, interfaceType), static (key, self) =>
    {
        var shared = new GrainReferenceShared(key.Item1, OrleansTypes.InterfaceTypes.GetGrainInterfaceType(key.Item2), 0, self, InvokeMethodOptions.None,
            OrleansTypes.Codecs, OrleansTypes.Copies, OrleansTypes.Provider);
        var proxy = OrleansTypes.ProxyFor(key.Item2);
        return id => (GrainReference)Activator.CreateInstance(proxy, shared, id)!;
    }, this)(grain.Key);

    public object Cast(IAddressable grain, Type interfaceType) =>
        grain is GrainReference && interfaceType.IsInstanceOfType(grain) ? grain : To(grain.GetGrainId(), interfaceType);

    public ValueTask<T?> InvokeMethodAsync<T>(GrainReference reference, IInvokable request, InvokeMethodOptions options) => new(Send<T>(reference, request, options)!);

    public ValueTask InvokeMethodAsync(GrainReference reference, IInvokable request, InvokeMethodOptions options) => new(Send<object>(reference, request, options));

    public void InvokeMethod(GrainReference reference, IInvokable request, InvokeMethodOptions options) => _ = Send<object>(reference, request, options);

    private Task<T> Send<T>(GrainReference reference, IInvokable request, InvokeMethodOptions options)
    {
        var target = reference.GrainId;
        return new GrainCall<T>(calls(), target, request, options).Send(targetOf(target));
    }
}
