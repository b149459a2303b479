using Fleet.Engine.Activations;
using Fleet.Engine.Observers;
using Orleans;
using Orleans.Runtime;

namespace Fleet.Engine.Calls;

/// <inheritdoc cref="IGrainFactory"/>
internal sealed class GrainFactory(GrainCatalog catalog, GrainRuntime runtime) : IGrainFactory
{
    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey
    {
        if (grainClassNamePrefix is not null)
            throw new NotSupportedException("One class implements each grain interface here, so none can be chosen by its name.");
        return (TGrainInterface)GetGrain(typeof(TGrainInterface), primaryKey);
    }

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey)
    {
        ArgumentNullException.ThrowIfNull(grainInterfaceType);
        ArgumentException.ThrowIfNullOrWhiteSpace(grainPrimaryKey);
        var grainClass = catalog.ClassFor(grainInterfaceType);
        return (IGrain)(object)runtime.Calls.InterfaceOf(grainInterfaceType).ReferTo(grainClass, grainPrimaryKey);
    }

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable
    {
        var grainClass = catalog.ClassFor(grainId.Type) ?? throw new ArgumentException($"No grain class is of type {grainId.Type}.", nameof(grainId));
        return (TGrainInterface)(object)grainClass.ReferTo(grainId.Key.ToString(), typeof(TGrainInterface));
    }

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        ArgumentNullException.ThrowIfNull(obj);
        return obj switch
        {
            GrainReference => throw new ArgumentException("It is a reference already.", nameof(obj)),
            IGrainBase => throw new ArgumentException("A grain is called through its own reference: pass AsReference<T>().", nameof(obj)),
            TGrainObserverInterface => (TGrainObserverInterface)(object)new ObserverTarget(runtime, obj).ReferTo("", typeof(TGrainObserverInterface)),
            _ => throw new ArgumentException($"{obj.GetType()} does not implement {typeof(TGrainObserverInterface)}.", nameof(obj)),
        };
    }

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        if (obj is not GrainReference { Target: ObserverTarget target })
            throw new ArgumentException($"It is not what {nameof(CreateObjectReference)} returned.", nameof(obj));
        target.Close();
    }
}
