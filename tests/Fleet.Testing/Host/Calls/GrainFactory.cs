using Fleet.Testing.Host.Activations;
using Fleet.Testing.Host.Observers;
using Orleans;
using Orleans.Runtime;

namespace Fleet.Testing.Host.Calls;

/// <inheritdoc cref="IGrainFactory"/>
internal sealed class GrainFactory : IGrainFactory
{
    private static readonly GrainType ObserverType = GrainType.Create("observer");
    private readonly GrainCatalog _catalog;
    private readonly GrainRuntime _runtime;
    private readonly Dictionary<GrainId, ObserverTarget> _observers = [];
    private int _observersMade;

    public GrainFactory(GrainCatalog catalog, GrainRuntime runtime)
    {
        (_catalog, _runtime) = (catalog, runtime);
        runtime.References = new(TargetOf, () => runtime.Calls);
        runtime.Factory = this;
    }

    public T GetGrain<T>(string primaryKey, string? grainClassNamePrefix = null) where T : IGrainWithStringKey => (T)GetGrain(typeof(T), primaryKey);
    public IGrain GetGrain(Type type, string key) => (IGrain)(object)_runtime.References.To(_catalog.ClassFor(type).IdOf(key), type);
    public T GetGrain<T>(GrainId grainId) where T : IAddressable => (T)(object)_runtime.References.To(grainId, typeof(T));

    public T CreateObjectReference<T>(IGrainObserver obj) where T : IGrainObserver
    {
        var id = GrainId.Create(ObserverType, $"{++_observersMade}");
        _observers.Add(id, new(_runtime, obj));
        return (T)(object)_runtime.References.To(id, typeof(T));
    }

    public void DeleteObjectReference<T>(IGrainObserver obj) where T : IGrainObserver => _observers[obj.GetGrainId()].Close();

    private ICallTarget TargetOf(GrainId id) => id.Type == ObserverType ? _observers[id]
        : _catalog.ClassFor(id.Type) ?? throw new ArgumentException($"No grain class is of type {id.Type}.");

    // Keys are strings here.
    public T GetGrain<T>(Guid primaryKey, string? grainClassNamePrefix = null) where T : IGrainWithGuidKey => throw new NotSupportedException();
    public T GetGrain<T>(long primaryKey, string? grainClassNamePrefix = null) where T : IGrainWithIntegerKey => throw new NotSupportedException();
    public T GetGrain<T>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null) where T : IGrainWithGuidCompoundKey => throw new NotSupportedException();
    public T GetGrain<T>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null) where T : IGrainWithIntegerCompoundKey => throw new NotSupportedException();
    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) => throw new NotSupportedException();
    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey) => throw new NotSupportedException();
    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) => throw new NotSupportedException();
    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) => throw new NotSupportedException();
    public IAddressable GetGrain(GrainId grainId) => throw new NotSupportedException();
    public IAddressable GetGrain(GrainId grainId, GrainInterfaceType interfaceType) => throw new NotSupportedException();
    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey, string grainClassNamePrefix) => throw new NotSupportedException();
    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey) => throw new NotSupportedException();
}
