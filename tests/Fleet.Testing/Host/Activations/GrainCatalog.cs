using Fleet.Testing.Host.Calls;
using Orleans;
using Orleans.Runtime;

namespace Fleet.Testing.Host.Activations;

/// <summary>The grain classes of an engine. Making it checks them and their contracts: an engine that could not run does not start.</summary>
internal sealed class GrainCatalog
{
    private readonly Dictionary<Type, GrainClass> _byInterface = [];
    private readonly Dictionary<GrainType, GrainClass> _byType = [];

    public GrainCatalog(GrainRuntime runtime)
    {
        var types = runtime.Options.GrainAssemblies.Distinct().SelectMany(assembly => assembly.GetTypes()).ToArray();
        var implementations = types.Where(IsGrainClass).ToArray();
        foreach (var implementation in implementations) Add(new(implementation, runtime));
    }

    public IReadOnlyCollection<GrainClass> Classes => _byType.Values;

    /// <exception cref="ArgumentException">No class implements it.</exception>
    public GrainClass ClassFor(Type interfaceType) => _byInterface.GetValueOrDefault(interfaceType)
        ?? throw new ArgumentException($"No grain class implements {interfaceType}.", nameof(interfaceType));

    public GrainClass? ClassFor(GrainType type) => _byType.GetValueOrDefault(type);

    private void Add(GrainClass added)
    {
        if (!_byType.TryAdd(added.Type, added))
            throw new OrleansConfigurationException($"{added.Implementation} and {_byType[added.Type].Implementation} are both grain type \"{added.Type}\".");
        foreach (var contract in GrainInterfacesOf(added.Implementation))
        {
            if (!_byInterface.TryAdd(contract, added))
                throw new OrleansConfigurationException($"{added.Implementation} and {_byInterface[contract].Implementation} both implement {contract}.");
        }
    }

    private static bool IsGrainClass(Type type) =>
        type is { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: false } && type.IsAssignableTo(typeof(IGrainBase))
        && type.IsAssignableTo(typeof(IGrain));

    private static bool IsContract(Type type) =>
        type is { IsInterface: true, IsGenericTypeDefinition: false } && type.IsAssignableTo(typeof(IAddressable))
        && type.Namespace?.StartsWith("Orleans", StringComparison.Ordinal) != true;

    private static IEnumerable<Type> GrainInterfacesOf(Type implementation) =>
        implementation.GetInterfaces().Where(type => type.IsAssignableTo(typeof(IGrain)) && IsContract(type));
}
