using System.Collections.Frozen;
using System.Net;
using System.Numerics;
using Orleans.Runtime;

namespace Fleet.UnitTests.Architecture;

/// <summary>Types that Orleans can send as they are, and that nobody can change.</summary>
internal static class WellKnownTypes
{
    private static readonly FrozenSet<Type> Values = new[]
    {
        typeof(string), typeof(decimal), typeof(Guid), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly),
        typeof(TimeOnly), typeof(Uri), typeof(Version), typeof(IPAddress), typeof(IPEndPoint), typeof(BigInteger),
        typeof(Int128), typeof(UInt128), typeof(Half), typeof(GrainId), typeof(GrainType), typeof(IdSpan), typeof(TickStatus),
        typeof(ReadOnlyMemory<byte>),
    }.ToFrozenSet();

    private static readonly FrozenSet<Type> Containers = new[]
    {
        typeof(Nullable<>), typeof(KeyValuePair<,>), typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableQueue<>),
        typeof(ImmutableStack<>), typeof(ImmutableHashSet<>), typeof(ImmutableSortedSet<>), typeof(ImmutableDictionary<,>),
        typeof(ImmutableSortedDictionary<,>),
        typeof(Tuple<>), typeof(Tuple<,>), typeof(Tuple<,,>), typeof(Tuple<,,,>), typeof(Tuple<,,,,>), typeof(Tuple<,,,,,>),
        typeof(Tuple<,,,,,,>),
        typeof(ValueTuple<>), typeof(ValueTuple<,>), typeof(ValueTuple<,,>), typeof(ValueTuple<,,,>), typeof(ValueTuple<,,,,>),
        typeof(ValueTuple<,,,,,>), typeof(ValueTuple<,,,,,,>), typeof(ValueTuple<,,,,,,,>),
    }.ToFrozenSet();

    /// <summary>Sent as it is: a simple value, an enumeration, or a reference to a grain or an observer.</summary>
    public static bool IsValue(Type type) =>
        (type.IsPrimitive && type != typeof(nint) && type != typeof(nuint)) || type.IsEnum || Values.Contains(type)
        || (type.IsInterface && type.IsAssignableTo(typeof(IAddressable)));

    /// <summary>Sent as it is if its type arguments are.</summary>
    public static bool IsContainer(Type type) => type.IsGenericType && Containers.Contains(type.GetGenericTypeDefinition());

    /// <summary>Why a type that is neither cannot be a message; null if it can.</summary>
    public static string? WhyNot(Type type)
    {
        if (type.IsArray) return $"{type} can be changed by whoever holds it; use ImmutableArray<{type.GetElementType()!.Name}>.";
        if (type.Namespace is "System.Collections.Generic" or "System.Collections.Concurrent" or "System.Collections")
            return $"{type} can be changed, or hide something that can; use a type of System.Collections.Immutable.";
        if (type == typeof(object) || type.IsInterface || type.IsPointer
            || type.IsAssignableTo(typeof(Delegate)) || type.IsAssignableTo(typeof(Task)))
            return $"{type} cannot be a message: it does not say what is sent.";
        return type.Namespace?.Split('.')[0] is "System" or "Microsoft" ? $"{type} cannot be sent, or can be changed." : null;
    }
}
