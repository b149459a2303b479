using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using Fleet.Interfaces.Devices;
using Orleans;

namespace Fleet.UnitTests.Architecture;

/// <summary>
/// Fills messages with values drawn from a seed: what may be null sometimes is, collections are empty sometimes, and enumerations and
/// unions take their cases in turn, so that a few dozen seeds in a row have tried them all. Members are set behind the constructors' backs,
/// as a serializer does.
/// </summary>
internal sealed class MessageMaker(int seed)
{
    private const int DeepestNesting = 6;
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly string[] Texts = ["", "a", "robot-7", "0.1.0-rc.1+5", "Zürich, 東京, 🤖", new('x', 3_000)];

    private readonly Random _random = new(seed);
    private readonly NullabilityInfoContext _nullability = new();
    private int _depth;

    /// <summary>All concrete messages of the contracts.</summary>
    public static ImmutableArray<Type> Messages { get; } =
    [
        .. typeof(IDeviceGrain).Assembly.GetTypes()
            .Where(type => type is { IsAbstract: false, IsEnum: false, IsGenericTypeDefinition: false })
            .Where(type => type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false)),
    ];

    public object Make(Type type)
    {
        if (type.IsAbstract) return Make(InTurn(Messages.Where(message => message.IsSubclassOf(type)).ToArray()));
        object message = RuntimeHelpers.GetUninitializedObject(type);
        _depth++;
        foreach (var field in MembersOf(type))
        {
            bool isNull = IsNullable(field) && (_depth > DeepestNesting || _random.Next(3) == 0);
            field.SetValue(message, isNull ? null : Value(field.FieldType));
        }
        _depth--;
        return message;
    }

    /// <summary>The fields that are sent, those of base classes first.</summary>
    public static IEnumerable<FieldInfo> MembersOf(Type type) =>
        (type.BaseType is { } parent && parent != typeof(object) ? MembersOf(parent) : []).Concat(
            type.GetFields(Declared).Where(field => !field.IsDefined(typeof(NonSerializedAttribute))));

    private object? Value(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return _random.Next(3) == 0 ? null : Value(inner);
        if (type.IsEnum) return InTurn(Enum.GetValues(type).Cast<object>().ToArray());
        if (type == typeof(string)) return InTurn(Texts);
        if (type == typeof(bool)) return _random.Next(2) == 0;
        if (type == typeof(int)) return InTurn([0, 1, -1, int.MinValue, int.MaxValue, _random.Next()]);
        if (type == typeof(long)) return InTurn([0L, 1L, -1L, long.MinValue, long.MaxValue, _random.NextInt64()]);
        if (type == typeof(double)) return InTurn([0.0, -1.5, double.MaxValue, double.NaN, _random.NextDouble()]);
        if (type == typeof(byte)) return (byte)_random.Next(256);
        if (type == typeof(ushort)) return (ushort)_random.Next(65_536);
        if (type == typeof(uint)) return (uint)_random.NextInt64(1L << 32);
        if (type == typeof(Guid)) return new Guid(_random.Next(), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
        if (type == typeof(TimeSpan)) return InTurn([TimeSpan.Zero, TimeSpan.MaxValue, TimeSpan.FromTicks(_random.NextInt64())]);
        if (type == typeof(DateTimeOffset))
            return new DateTimeOffset(_random.NextInt64(1L << 59), TimeSpan.Zero).ToOffset(TimeSpan.FromHours(_random.Next(3)));
        if (type == typeof(ReadOnlyMemory<byte>)) return new ReadOnlyMemory<byte>(Bytes());
        if (type.IsGenericType && type.Namespace == typeof(ImmutableArray).Namespace) return Collection(type);
        return Make(type);
    }

    // ImmutableX<…> is made from its elements by ImmutableX.CreateRange.
    private object Collection(Type type)
    {
        var arguments = type.GetGenericArguments();
        var element = arguments.Length == 2 ? typeof(KeyValuePair<,>).MakeGenericType(arguments) : arguments[0];
        int count = _depth > DeepestNesting ? 0 : _random.Next(4);
        bool arePairs = arguments.Length == 2;
        object[] items = [.. Enumerable.Range(0, count).Select(_ => Element(element)).DistinctBy(item => KeyText(item, arePairs))];
        var elements = Array.CreateInstance(element, items.Length);
        items.CopyTo(elements, 0);
        var maker = type.Assembly.GetType(type.FullName![..type.FullName!.IndexOf('`')], throwOnError: true)!;
        var create = maker.GetMethods().Single(method =>
            method.Name == "CreateRange" && method.GetParameters() is [{ ParameterType: { IsInterface: true } from }]
            && from.GetGenericTypeDefinition() == typeof(IEnumerable<>));
        return create.MakeGenericMethod(arguments).Invoke(null, [elements])!;
    }

    private object Element(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>)
        ? Activator.CreateInstance(type, type.GetGenericArguments().Select(Value).ToArray())!
        : Value(type)!;

    private static string KeyText(object item, bool isPair) =>
        MessageText.Of(isPair ? item.GetType().GetProperty("Key")!.GetValue(item) : item);

    private byte[] Bytes()
    {
        byte[] bytes = new byte[_random.Next(3) * 700];
        _random.NextBytes(bytes);
        return bytes;
    }

    private T InTurn<T>(IReadOnlyList<T> all) => all[(seed + _random.Next(2) + _depth) % all.Count];

    private bool IsNullable(FieldInfo field) =>
        !field.FieldType.IsValueType && _nullability.Create(field).ReadState is NullabilityState.Nullable;
}

/// <summary>A message with all that it has, as text: two are the same if their texts are.</summary>
internal static class MessageText
{
    public static string Of(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        ReadOnlyMemory<byte> bytes => Convert.ToHexStringLower(bytes.Span),
        DateTimeOffset at => at.ToString("O", CultureInfo.InvariantCulture),
        Guid or TimeSpan or Enum or IFormattable and (int or long or double or byte or ushort or uint) =>
            ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        bool flag => $"{flag}",
        IEnumerable items when IsUnordered(value.GetType()) => $"[{string.Join(", ", TextsOf(items).Order(StringComparer.Ordinal))}]",
        IEnumerable items => $"[{string.Join(", ", TextsOf(items))}]",
        _ => $"{value.GetType().Name} {{ {string.Join(", ", MembersOf(value))} }}",
    };

    private static IEnumerable<string> TextsOf(IEnumerable items) => items.Cast<object?>().Select(Of);

    private static IEnumerable<string> MembersOf(object message) =>
        MessageMaker.MembersOf(message.GetType()).Select(field => $"{field.Name}: {Of(field.GetValue(message))}");

    private static bool IsUnordered(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() is var open
        && (open == typeof(ImmutableDictionary<,>) || open == typeof(ImmutableHashSet<>));
}
