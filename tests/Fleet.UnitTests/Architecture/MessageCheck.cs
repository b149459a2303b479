using System.Reflection;
using System.Runtime.CompilerServices;
using Orleans;

namespace Fleet.UnitTests.Architecture;

/// <summary>
/// Checks the types that cross grain boundaries, and theirs: [GenerateSerializer], [Immutable] and true, [Id] on each member.
/// </summary>
internal sealed class MessageCheck(Action<string> report)
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private readonly HashSet<Type> _seen = [];

    /// <param name="where">What it is the type of, for the report.</param>
    public void Value(Type type, string where)
    {
        if (WellKnownTypes.IsValue(type)) return;
        if (WellKnownTypes.IsContainer(type))
        {
            foreach (var argument in type.GetGenericArguments()) Value(argument, where);
            return;
        }
        if (WellKnownTypes.WhyNot(type) is { } reason)
        {
            report($"{where}: {reason}");
            return;
        }
        if (_seen.Add(type)) Message(type, where);
    }

    private void Message(Type type, string where)
    {
        if (type.IsAbstract) Union(type, where);
        else Marks(type, where);
        Members(type);
        // A sealed hierarchy or an open one: whatever derives from it in its assembly may be sent in its place.
        if (!type.IsSealed)
            foreach (var derived in type.Assembly.GetTypes().Where(candidate => candidate.BaseType == type)) Value(derived, where);
        if (type.BaseType is not { } parent || parent == typeof(object) || parent == typeof(ValueType)) return;
        if (_seen.Add(parent)) Message(parent, where);
    }

    // Nothing is ever exactly of this type, so its cases carry the marks; but its own members need a serialiser of its own.
    private void Union(Type type, string where)
    {
        if (SerialisedFields(type).Any() && !Has<GenerateSerializerAttribute>(type))
            report($"{where}: {type} has members, so it needs [GenerateSerializer] though it is abstract.");
    }

    private void Marks(Type type, string where)
    {
        if (!Has<GenerateSerializerAttribute>(type)) report($"{where}: {type} has no [GenerateSerializer].");
        if (!Has<ImmutableAttribute>(type)) report($"{where}: {type} has no [Immutable].");
    }

    private void Members(Type type)
    {
        var ids = new Dictionary<uint, string>();
        foreach (var field in SerialisedFields(type))
        {
            var member = MemberOf(field);
            string where = $"{type}.{member.Name}";
            if (!field.IsInitOnly) report($"{where} can be set after construction; a message never changes (use init or readonly).");
            if (member.GetCustomAttribute<IdAttribute>() is not { } id)
                report($"{where} has no [Id], so it would be lost on the way (for a positional member: [property: Id(n)]).");
            else if (!ids.TryAdd(id.Id, member.Name))
                report($"{where} has the [Id({id.Id})] of {ids[id.Id]}.");
            Value(field.FieldType, where);
        }
    }

    private static IEnumerable<FieldInfo> SerialisedFields(Type type) =>
        type.GetFields(Declared).Where(field => !field.IsDefined(typeof(NonSerializedAttribute)));

    /// <summary>The property that the compiler made the field for, or the field itself.</summary>
    private static MemberInfo MemberOf(FieldInfo field)
    {
        if (!field.IsDefined(typeof(CompilerGeneratedAttribute)) || field.Name[0] != '<') return field;
        string property = field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)];
        return (MemberInfo?)field.DeclaringType!.GetProperty(property, Declared) ?? field;
    }

    private static bool Has<TAttribute>(Type type)
        where TAttribute : Attribute => type.IsDefined(typeof(TAttribute), inherit: false);
}
