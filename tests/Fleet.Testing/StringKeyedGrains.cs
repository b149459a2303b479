using Orleans;
using Orleans.Runtime;

namespace Fleet.Testing;

/// <summary>A grain factory for keys that are strings, as all of the fleet's are.</summary>
public abstract class StringKeyedGrains : IGrainFactory
{
    public abstract T GetGrain<T>(string primaryKey, string? grainClassNamePrefix = null) where T : IGrainWithStringKey;

    public virtual IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => throw new NotSupportedException();

    public virtual T GetGrain<T>(GrainId grainId) where T : IAddressable => throw new NotSupportedException();

    public abstract T CreateObjectReference<T>(IGrainObserver obj) where T : IGrainObserver;

    public abstract void DeleteObjectReference<T>(IGrainObserver obj) where T : IGrainObserver;

    T IGrainFactory.GetGrain<T>(Guid primaryKey, string? grainClassNamePrefix) => throw new NotSupportedException();
    T IGrainFactory.GetGrain<T>(long primaryKey, string? grainClassNamePrefix) => throw new NotSupportedException();
    T IGrainFactory.GetGrain<T>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix) => throw new NotSupportedException();
    T IGrainFactory.GetGrain<T>(long primaryKey, string keyExtension, string? grainClassNamePrefix) => throw new NotSupportedException();
    IGrain IGrainFactory.GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) => throw new NotSupportedException();
    IGrain IGrainFactory.GetGrain(Type grainInterfaceType, long grainPrimaryKey) => throw new NotSupportedException();
    IGrain IGrainFactory.GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) => throw new NotSupportedException();
    IGrain IGrainFactory.GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) => throw new NotSupportedException();
    IAddressable IGrainFactory.GetGrain(GrainId grainId) => throw new NotSupportedException();
    IAddressable IGrainFactory.GetGrain(GrainId grainId, GrainInterfaceType interfaceType) => throw new NotSupportedException();
    IAddressable IGrainFactory.GetGrain(Type interfaceType, IdSpan grainKey, string grainClassNamePrefix) =>
        throw new NotSupportedException();
    IAddressable IGrainFactory.GetGrain(Type interfaceType, IdSpan grainKey) => throw new NotSupportedException();
}
