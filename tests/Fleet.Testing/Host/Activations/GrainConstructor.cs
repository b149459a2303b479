using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing.Host.Activations;

/// <summary>Makes instances of a grain class: services, the context and persistent states go into its constructor.</summary>
internal sealed class GrainConstructor
{
    private readonly Type _implementation;
    private readonly ConstructorInvoker _invoker;
    private readonly Func<Activation, object?>[] _arguments;

    public GrainConstructor(Type implementation, IServiceProvider services)
    {
        _implementation = implementation;
        var constructors = implementation.GetConstructors();
        if (constructors.Length != 1)
            throw new OrleansConfigurationException($"{implementation} must have one public constructor; it has {constructors.Length}.");
        _invoker = ConstructorInvoker.Create(constructors[0]);
        _arguments = [.. constructors[0].GetParameters().Select(parameter => ArgumentFor(parameter, services))];
    }

    /// <returns>The grain, and its records, which have not been read yet.</returns>
    /// <exception cref="InvalidOperationException">The constructor or what it asks for failed, which is the inner exception.</exception>
    public (object Grain, IEnumerable<Orleans.Core.IStorage> Records) Construct(Activation activation)
    {
        var arguments = new object?[_arguments.Length];
        var before = RuntimeContexts.Enter(activation);
        try
        {
            for (int i = 0; i < arguments.Length; i++) arguments[i] = _arguments[i](activation);
            return (_invoker.Invoke(arguments.AsSpan()), arguments.OfType<PersistentRecord>());
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Failed to create an instance of grain type '{_implementation}'. See InnerException for details.", e);
        }
        finally
        {
            RuntimeContexts.Enter(before);
        }
    }

    private static Func<Activation, object?> ArgumentFor(ParameterInfo parameter, IServiceProvider services)
    {
        var type = parameter.ParameterType;
        if (parameter.GetCustomAttribute<PersistentStateAttribute>() is { } state) return RecordFor(parameter, state, services);
        if (type == typeof(IGrainContext)) return activation => activation;
        if (parameter.GetCustomAttribute<FromKeyedServicesAttribute>() is { } keyed)
            return activation => activation.ActivationServices.GetRequiredKeyedService(type, keyed.Key);
        if (parameter.HasDefaultValue) return activation => activation.ActivationServices.GetService(type) ?? parameter.DefaultValue;
        return activation => activation.ActivationServices.GetRequiredService(type);
    }

    private static Func<Activation, object?> RecordFor(ParameterInfo parameter, PersistentStateAttribute state, IServiceProvider services)
    {
        var type = parameter.ParameterType;
        if (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(IPersistentState<>))
            throw new OrleansConfigurationException($"{parameter.Member.DeclaringType}: [PersistentState] {parameter.Name} must be an IPersistentState<T>.");
        var known = services.GetRequiredService<IServiceProviderIsKeyedService>();
        bool isKeyed = known.IsKeyedService(typeof(IGrainStorage), state.StorageName ?? DefaultStorage);
        if (!isKeyed && (state.StorageName is not null || !known.IsService(typeof(IGrainStorage))))
            throw new OrleansConfigurationException(
                $"{parameter.Member.DeclaringType} wants storage \"{state.StorageName ?? DefaultStorage}\" for its state \"{state.StateName}\": there is no such IGrainStorage service.");
        // The storage itself is made with the first activation, not with the engine.
        var storage = new Lazy<IGrainStorage>(() => isKeyed
            ? services.GetRequiredKeyedService<IGrainStorage>(state.StorageName ?? DefaultStorage)
            : services.GetRequiredService<IGrainStorage>());
        var create = (IRecordFactory)Activator.CreateInstance(typeof(RecordFactory<>).MakeGenericType(type.GetGenericArguments()[0]))!;
        return activation => create.Create(activation, state.StateName, storage.Value);
    }

    /// <summary>Orleans' name for the storage of states that name none.</summary>
    private const string DefaultStorage = "Default";

    private interface IRecordFactory
    {
        PersistentRecord Create(Activation activation, string name, IGrainStorage storage);
    }

    private sealed class RecordFactory<T> : IRecordFactory
    {
        public PersistentRecord Create(Activation activation, string name, IGrainStorage storage) =>
            new PersistentRecord<T>(activation, name, storage);
    }
}
