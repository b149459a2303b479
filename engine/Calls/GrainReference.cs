using System.Reflection;
using Orleans;
using Orleans.Runtime;

namespace Fleet.Engine.Calls;

/// <summary>
/// A reference to a grain or an observer: implements the interface by sending calls. One is generated for each interface and
/// cloned for each key, which is much cheaper than making a proxy from its type. Two references are equal if they lead to the same place.
/// </summary>
#pragma warning disable CA1852 // Not sealed: the proxy of each interface derives from it.
internal class GrainReference : DispatchProxy, IEquatable<GrainReference>
#pragma warning restore CA1852
{
    private GrainInterface _interface = null!;
    private ICallTarget _target = null!;
    private string _key = "";

    public ICallTarget Target => _target;

    public GrainId GrainId => _target.IdOf(_key);

    /// <summary>The first of its interface, from which the others are cloned.</summary>
    public static GrainReference Prototype(GrainInterface description)
    {
        var prototype = (GrainReference)Create(description.Type, typeof(GrainReference));
        prototype._interface = description;
        return prototype;
    }

    /// <summary>A reference to the grain whose context is given.</summary>
    public static object To(IGrainContext context, Type interfaceType) =>
        ((Activations.Activation)context).Class.ReferTo(context.GrainId.Key.ToString(), interfaceType);

    public GrainReference Clone(ICallTarget target, string key)
    {
        var clone = (GrainReference)MemberwiseClone();
        clone._target = target;
        clone._key = key;
        return clone;
    }

    public object Cast(Type interfaceType) => interfaceType.IsInstanceOfType(this) ? this : _target.ReferTo(_key, interfaceType);

    public bool Equals(GrainReference? other) => other is not null && _target == other._target && _key == other._key;

    public override bool Equals(object? obj) => Equals(obj as GrainReference);

    public override int GetHashCode() => HashCode.Combine(_target, _key);

    public override string ToString() => $"{_interface.Type.Name} {GrainId}";

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        _interface.MethodOf(targetMethod!).Send(_target, _key, args!);
}
