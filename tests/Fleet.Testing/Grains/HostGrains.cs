using System.Collections.Concurrent;
using Orleans;
using Orleans.CodeGeneration;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Testing.Grains;

/// <summary>Gives out Orleans' generated references, whose calls come here.</summary>
internal sealed class HostGrains(HostRuntime runtime) : StringKeyedGrains, IGrainReferenceRuntime
{
    private readonly ConcurrentDictionary<(GrainType, Type), Func<IdSpan, GrainReference>> _makers = new();
    private readonly ConcurrentDictionary<GrainId, ObserverTarget> _observers = new();
    private int _observersMade;

    public override T GetGrain<T>(string primaryKey, string? grainClassNamePrefix = null) => (T)GetGrain(typeof(T), primaryKey);

    public override IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(grainPrimaryKey);
        return (IGrain)(object)ReferTo(runtime.Classes.Of(grainInterfaceType).IdOf(grainPrimaryKey), grainInterfaceType);
    }

    public override T GetGrain<T>(GrainId grainId) => (T)(object)ReferTo(grainId, typeof(T));

    public override T CreateObjectReference<T>(IGrainObserver obj)
    {
        if (obj is not T) throw new ArgumentException($"{obj.GetType()} is no {typeof(T)}.", nameof(obj));
        var id = GrainId.Create(ObserverTarget.Type, $"{Interlocked.Increment(ref _observersMade)}");
        _observers[id] = new(runtime, obj);
        return (T)(object)ReferTo(id, typeof(T));
    }

    public override void DeleteObjectReference<T>(IGrainObserver obj)
    {
        if (obj is not GrainReference reference) throw new ArgumentException($"{obj.GetType()} is no reference.", nameof(obj));
        _observers[reference.GrainId].Close();
    }

    public GrainReference ReferTo(GrainId grain, Type interfaceType) => _makers.GetOrAdd((grain.Type, interfaceType), MakerOf)(grain.Key);

    object IGrainReferenceRuntime.Cast(IAddressable grain, Type interfaceType) =>
        grain is GrainReference && interfaceType.IsInstanceOfType(grain) ? grain : ReferTo(grain.GetGrainId(), interfaceType);

    ValueTask<T?> IGrainReferenceRuntime.InvokeMethodAsync<T>(GrainReference reference, IInvokable request, InvokeMethodOptions options)
        where T : default => new(Send<T>(reference, request, options)!);

    ValueTask IGrainReferenceRuntime.InvokeMethodAsync(GrainReference reference, IInvokable request, InvokeMethodOptions options) =>
        new(Send<object>(reference, request, options));

    void IGrainReferenceRuntime.InvokeMethod(GrainReference reference, IInvokable request, InvokeMethodOptions options) =>
        _ = Send<object>(reference, request, options);

    private Task<T> Send<T>(GrainReference reference, IInvokable request, InvokeMethodOptions options)
    {
        var id = reference.GrainId;
        ICallTarget target = id.Type == ObserverTarget.Type ? _observers[id] : runtime.Classes.Of(id.Type);
        return new GrainCall<T>(runtime, id, request, options).Send(target);
    }

    private Func<IdSpan, GrainReference> MakerOf((GrainType Grain, Type Interface) type)
    {
        var shared = new GrainReferenceShared(
            type.Grain, OrleansTypes.InterfaceTypes.GetGrainInterfaceType(type.Interface), 0, this, InvokeMethodOptions.None,
            OrleansTypes.Codecs, OrleansTypes.Copies, OrleansTypes.Provider);
        var proxy = OrleansTypes.ProxyFor(type.Interface);
        return key => (GrainReference)Activator.CreateInstance(proxy, shared, key)!;
    }
}
