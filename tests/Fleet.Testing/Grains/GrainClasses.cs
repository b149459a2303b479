using System.Collections.Concurrent;
using System.Reflection;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Fleet.Testing.Grains;

/// <summary>The grain classes of a host, by interface and by type.</summary>
internal sealed class GrainClasses
{
    private readonly Dictionary<Type, GrainClass> _byInterface = [];
    private readonly Dictionary<GrainType, GrainClass> _byType = [];

    public GrainClasses(HostRuntime runtime)
    {
        var classes = runtime.Settings.GrainAssemblies.Distinct().SelectMany(assembly => assembly.GetTypes())
            .Where(type => type is { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: false })
            .Where(type => type.IsAssignableTo(typeof(IGrainBase)));
        foreach (var implementation in classes)
        {
            var added = new GrainClass(implementation, runtime);
            _byType.Add(added.Type, added);
            foreach (var contract in implementation.GetInterfaces().Where(OrleansTypes.IsGrainInterface)) _byInterface.Add(contract, added);
        }
    }

    public IEnumerable<Activation> Activations => _byType.Values.SelectMany(grainClass => grainClass.Activations);

    /// <exception cref="ArgumentException">No class implements it.</exception>
    public GrainClass Of(Type interfaceType) => _byInterface.GetValueOrDefault(interfaceType)
        ?? throw new ArgumentException($"No grain class implements {interfaceType}.", nameof(interfaceType));

    public GrainClass Of(GrainType type) => _byType.GetValueOrDefault(type)
        ?? throw new ArgumentException($"No grain class is of type {type}.", nameof(type));
}

/// <summary>A grain class and the directory of its activations, by key.</summary>
internal sealed class GrainClass : ICallTarget
{
    private readonly ConcurrentDictionary<IdSpan, Activation> _activations = new();

    public GrainClass(Type implementation, HostRuntime runtime)
    {
        Runtime = runtime;
        Type = OrleansTypes.GrainTypes.GetGrainType(implementation);
        MainInterface = implementation.GetInterfaces().First(OrleansTypes.IsGrainInterface);
        CollectionAge = implementation.GetCustomAttribute<CollectionAgeLimitAttribute>()?.AgeLimit ?? runtime.Settings.CollectionAge;
        IsReentrant = implementation.IsDefined(typeof(ReentrantAttribute), inherit: false);
        Constructor = new(implementation, runtime.Services);
    }

    public HostRuntime Runtime { get; }

    public GrainType Type { get; }

    public Type MainInterface { get; }

    public TimeSpan CollectionAge { get; }

    public bool IsReentrant { get; }

    public GrainConstructor Constructor { get; }

    /// <summary>Activations, those that are coming up or going down included.</summary>
    public IEnumerable<Activation> Activations => _activations.Select(pair => pair.Value);

    public GrainId IdOf(string key) => GrainId.Create(Type, key);

    public void Receive(GrainId to, WorkItem call)
    {
        // An activation that has ended has made room in the directory before, so this ends at the second try, unless the next one has ended
        // too.
        while (!_activations.GetOrAdd(to.Key, static (key, self) => new(self, key), this).TryReceive(call)) { }
    }

    /// <summary>Puts the next activation in the place of one that ends, or leaves the place empty.</summary>
    public void Replace(Activation ending, Activation? next)
    {
        if (next is null) _activations.TryRemove(new(ending.GrainId.Key, ending));
        else _activations[ending.GrainId.Key] = next;
    }
}
