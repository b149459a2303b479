using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Interfaces;

/// <summary>Grows with each connection of a client id: of two the one with the higher epoch is the newer, whatever clocks say.</summary>
[GenerateSerializer, Immutable, Alias("fleet.session-epoch"), JsonConverter(typeof(SessionEpochJsonConverter))]
public readonly record struct SessionEpoch([property: Id(0)] long Value) : IComparable<SessionEpoch>
{
    public SessionEpoch Next => new(Value + 1);

    public static SessionEpoch Later(SessionEpoch one, SessionEpoch? other) => other is { } later && later > one ? later : one;

    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);

    public int CompareTo(SessionEpoch other) => Value.CompareTo(other.Value);

    public static bool operator <(SessionEpoch left, SessionEpoch right) => left.Value < right.Value;
    public static bool operator >(SessionEpoch left, SessionEpoch right) => left.Value > right.Value;
    public static bool operator <=(SessionEpoch left, SessionEpoch right) => left.Value <= right.Value;
    public static bool operator >=(SessionEpoch left, SessionEpoch right) => left.Value >= right.Value;
}

/// <summary>An epoch is a plain JSON number.</summary>
public sealed class SessionEpochJsonConverter : JsonConverter<SessionEpoch>
{
    public override SessionEpoch Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetInt64());

    public override void Write(Utf8JsonWriter writer, SessionEpoch value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.Value);
}
