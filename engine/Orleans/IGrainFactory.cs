using Orleans.Runtime;

namespace Orleans;

/// <summary>Makes references to grains and observers. Making one is cheap and activates nothing.</summary>
public interface IGrainFactory
{
    /// <param name="primaryKey">The grain's key, not empty.</param>
    /// <param name="grainClassNamePrefix">Must be null here: one class implements each grain interface.</param>
    TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey;

    IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey);

    TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable;

    /// <summary>
    /// A reference to <paramref name="obj"/> that may be handed to grains; calls through it arrive one at a time. The caller holds
    /// <paramref name="obj"/> for as long as it is to hear anything: Orleans does not.
    /// </summary>
    TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver;

    /// <param name="obj">What <see cref="CreateObjectReference{T}"/> returned.</param>
    void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver;
}
