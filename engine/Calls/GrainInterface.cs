using System.Reflection;

namespace Fleet.Engine.Calls;

/// <summary>A grain or observer interface with its methods, those it inherits included.</summary>
internal sealed class GrainInterface
{
    private readonly Dictionary<MethodInfo, GrainMethod> _methods;
    private readonly Lazy<GrainReference> _prototype;

    public GrainInterface(Type type, CallServices services)
    {
        Type = type;
        _methods = MethodsOf(type).ToDictionary(method => method, method => GrainMethod.Create(method, type, services));
        _prototype = new(() => GrainReference.Prototype(this));
    }

    public Type Type { get; }

    public static IEnumerable<MethodInfo> MethodsOf(Type interfaceType) =>
        interfaceType.GetInterfaces().Prepend(interfaceType).SelectMany(type => type.GetMethods());

    public GrainMethod MethodOf(MethodInfo method) => _methods[method];

    public GrainReference ReferTo(ICallTarget target, string key) => _prototype.Value.Clone(target, key);
}
