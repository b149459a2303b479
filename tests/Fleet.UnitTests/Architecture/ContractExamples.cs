// What these rules forbid is what is shown here.
#pragma warning disable CA1815, CA1051, CA1040, CA1819, CA1002, CA2227, CA1024, ORLEANS0004, ORLEANS0012
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Architecture;

/// <summary>Messages and contracts that must be refused. </summary>
public static class Bad
{
    public sealed record Unmarked;

    [GenerateSerializer]
    public sealed record NotImmutable;

    [GenerateSerializer, Immutable]
    public sealed record Settable
    {
        [Id(0)] public int Value { get; set; }
    }

    [GenerateSerializer, Immutable]
    public sealed class MutableField
    {
        [Id(0)] public int Value;
    }

    [GenerateSerializer, Immutable]
    public record struct MutablePositional([property: Id(0)] int Value);

    [GenerateSerializer, Immutable]
    public sealed record WithoutId
    {
        [Id(0)] public int First { get; init; }

        public int Second { get; init; }
    }

    [GenerateSerializer, Immutable]
    public sealed record PositionalWithoutId(int Value);

    [GenerateSerializer, Immutable]
    public sealed record SameId([property: Id(0)] int First, [property: Id(0)] int Second);

    [GenerateSerializer, Immutable]
    public sealed record WithArray([property: Id(0)] byte[] Value);

    [GenerateSerializer, Immutable]
    public sealed record WithList([property: Id(0)] List<int> Value);

    [GenerateSerializer, Immutable]
    public sealed record WithReadOnlyList([property: Id(0)] IReadOnlyList<int> Value);

    [GenerateSerializer, Immutable]
    public sealed record WithObject([property: Id(0)] object Value);

    [GenerateSerializer, Immutable]
    public sealed record WithStream([property: Id(0)] Stream Value);

    [GenerateSerializer, Immutable]
    public sealed record Outer([property: Id(0)] ImmutableDictionary<string, Unmarked> Inner);

    public abstract record Union
    {
        private Union() { }

        [GenerateSerializer, Immutable]
        public sealed record MarkedCase : Union;

        public sealed record UnmarkedCase : Union;
    }

    [GenerateSerializer, Immutable]
    public record Derived;

    [GenerateSerializer, Immutable]
    public sealed record DerivedFrom : Derived
    {
        [Id(0)] public int Value { get; set; }
    }

    public interface IReturnsInt { int Get(); }

    public interface IVoid { void Do(); }

    public interface IGeneric { Task Get<T>(); }

    public interface IProperty { int Value { get; } }

    public interface IByReference { Task Get(ref int value); }

    public interface ISends { Task Send(Unmarked message); }

    public interface IReturns { Task<Unmarked> Get(); }

}

/// <summary>Messages that must pass.</summary>
public static class Good
{
    public enum Colour { Red, Green }

    [GenerateSerializer, Immutable]
    public sealed record Everything
    {
        [Id(0)] public required string Text { get; init; }
        [Id(1)] public int? Number { get; init; }
        [Id(2)] public Colour Colour { get; init; }
        [Id(3)] public Guid Token { get; init; }
        [Id(4)] public DateTimeOffset At { get; init; }
        [Id(5)] public TimeSpan For { get; init; }
        [Id(6)] public ReadOnlyMemory<byte> Bytes { get; init; }
        [Id(7)] public ImmutableArray<string> Names { get; init; } = [];
        [Id(8)] public required ImmutableSortedDictionary<string, ImmutableList<double>> Series { get; init; }
        [Id(9)] public (int, Key)? Pair { get; init; }
        [Id(10)] public IDeviceGrain? Worker { get; init; }
        [Id(11)] public IGatewayObserver? Listener { get; init; }
        [Id(12)] public GrainId Grain { get; init; }

        public string Computed => Text + Number;

        [NonSerialized] private readonly object? _cache = new();

        public bool IsCached => _cache is not null;
    }

    [GenerateSerializer, Immutable]
    public readonly record struct Key([property: Id(0)] string Value);

    public abstract record Union
    {
        private Union() { }

        [GenerateSerializer, Immutable]
        public sealed record None : Union;

        [GenerateSerializer, Immutable]
        public sealed record Some([property: Id(0)] Key Key) : Union;
    }

    [GenerateSerializer, Immutable]
    public sealed record Tree([property: Id(0)] Tree? Left, [property: Id(1)] Tree? Right);

    [GenerateSerializer, Immutable]
    public sealed record Page<T>([property: Id(0)] ImmutableArray<T> Items);
}
