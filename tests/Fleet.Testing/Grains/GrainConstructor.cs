using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing.Grains;

/// <summary>Makes instances of a grain class: services, the context and persistent states go into its constructor.</summary>
internal sealed class GrainConstructor
{
    private readonly Type _implementation;
    private readonly ConstructorInvoker _invoker;
    private readonly Func<Activation, object?>[] _arguments;

    public GrainConstructor(Type implementation, IServiceProvider services)
    {
        _implementation = implementation;
        var constructor = implementation.GetConstructors().Single();
        _invoker = ConstructorInvoker.Create(constructor);
        _arguments = [.. constructor.GetParameters().Select(parameter => ArgumentFor(parameter, services))];
    }

    /// <returns>The grain, and its records, which have not been read yet.</returns>
    /// <exception cref="InvalidOperationException">The constructor or what it asks for failed, which is the inner exception.</exception>
    public (object Grain, IEnumerable<PersistentRecord> Records) Construct(Activation activation)
    {
        var arguments = new object?[_arguments.Length];
        try
        {
            for (int i = 0; i < arguments.Length; i++) arguments[i] = _arguments[i](activation);
            return (_invoker.Invoke(arguments.AsSpan()), arguments.OfType<PersistentRecord>());
        }
        catch (Exception e)
        {
            // In Orleans' words.
            throw new InvalidOperationException(
                $"Failed to create an instance of grain type '{_implementation}'. See InnerException for details.", e);
        }
    }

    private static Func<Activation, object?> ArgumentFor(ParameterInfo parameter, IServiceProvider services)
    {
        var type = parameter.ParameterType;
        if (parameter.GetCustomAttribute<PersistentStateAttribute>() is { } state) return RecordFor(type, state, services);
        if (type == typeof(IGrainContext)) return activation => activation;
        if (parameter.GetCustomAttribute<FromKeyedServicesAttribute>() is { } keyed)
            return _ => services.GetRequiredKeyedService(type, keyed.Key);
        if (parameter.HasDefaultValue) return _ => services.GetService(type) ?? parameter.DefaultValue;
        return _ => services.GetRequiredService(type);
    }

    private static Func<Activation, object?> RecordFor(Type type, PersistentStateAttribute state, IServiceProvider services)
    {
        // The storage itself is made with the first activation, not with the host.
        var storage = new Lazy<IGrainStorage>(() =>
            state.StorageName is { } name ? services.GetRequiredKeyedService<IGrainStorage>(name)
                : services.GetRequiredService<IGrainStorage>());
        var record = typeof(PersistentRecord<>).MakeGenericType(type.GetGenericArguments().Single());
        var constructor = ConstructorInvoker.Create(record.GetConstructors().Single());
        return activation => constructor.Invoke(activation, state.StateName, storage.Value);
    }
}
