using System.Text;

namespace Fleet.Mqtt;

/// <summary>
/// What is subscribed with: levels, '+' for any one level, '#' at the end for any number, and in front of it perhaps
/// "$share/{group}/". MQTT 5.0, 4.7 and 4.8.2.
/// </summary>
public sealed record TopicFilter
{
    /// <summary>A filter that starts so is a shared subscription or invalid.</summary>
    public static ReadOnlySpan<byte> SharePrefix => "$share/"u8;

    private TopicFilter(string text, string? group, string filter) => (Text, Group, Filter) = (text, group, filter);

    /// <summary>As the client wrote it.</summary>
    public string Text { get; }

    /// <summary>Share name of a shared subscription, else null.</summary>
    public string? Group { get; }

    /// <summary>What topic names are matched with: <see cref="Text"/> without "$share/{group}/".</summary>
    public string Filter { get; }

    public bool IsShared => Group is not null;

    /// <summary>Names a shared subscription: those with one share name and different filters are different ones. Else null.</summary>
    public string? Share => IsShared ? Text : null;

    public bool HasWildcards => Filter.AsSpan().ContainsAny('+', '#');

    /// <summary>For UTF-8 that is known to be well-formed without U+0000, as the packets give it.</summary>
    /// <returns>Null if it is no topic filter: 0x8F in SUBACK.</returns>
    public static TopicFilter? TryParse(ReadOnlySpan<byte> text) => IsValid(text) ? Split(Encoding.UTF8.GetString(text)) : null;

    public static TopicFilter? TryParse(string text) =>
        MqttUtf8.IsValid(text) && IsValid(Encoding.UTF8.GetBytes(text)) ? Split(text) : null;

    /// <exception cref="FormatException">It is no topic filter.</exception>
    public static TopicFilter Parse(string text) =>
        TryParse(text) ?? throw new FormatException($"'{text}' is no topic filter (MQTT 5.0, 4.7).");

    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        if (text.Length > MqttUtf8.MaxBytes) return false;
        if (!text.StartsWith(SharePrefix)) return HasValidLevels(text);
        var rest = text[SharePrefix.Length..];
        int slash = rest.IndexOf((byte)'/');
        return slash > 0 && !rest[..slash].ContainsAny((byte)'+', (byte)'#') && HasValidLevels(rest[(slash + 1)..]);
    }

    /// <summary>Whether a filter (without "$share/{group}/") covers a topic name; both valid.</summary>
    public static bool Matches(ReadOnlySpan<byte> filter, ReadOnlySpan<byte> name)
    {
        // Wildcards in the first level do not reach topics that the server keeps for itself [MQTT-4.7.2-1].
        if (name[0] == '$' && (filter[0] is (byte)'+' or (byte)'#')) return false;
        var filters = new TopicLevels(filter);
        var names = new TopicLevels(name);
        while (filters.MoveNext())
        {
            if (filters.Current is [(byte)'#']) return true;
            if (!names.MoveNext()) return false;
            if (filters.Current is not [(byte)'+'] && !filters.Current.SequenceEqual(names.Current)) return false;
        }
        return !names.MoveNext();
    }

    public bool Matches(string name) => Matches(Encoding.UTF8.GetBytes(Filter), Encoding.UTF8.GetBytes(name));

    public override string ToString() => Text;

    private static bool HasValidLevels(ReadOnlySpan<byte> filter)
    {
        if (filter.IsEmpty) return false;
        var levels = new TopicLevels(filter);
        while (levels.MoveNext())
        {
            if (levels.Current.Length > 1 && levels.Current.ContainsAny((byte)'+', (byte)'#')) return false;
            if (levels.Current is [(byte)'#'] && !levels.IsLast) return false;
        }
        return true;
    }

    private static TopicFilter Split(string text)
    {
        if (!text.StartsWith("$share/", StringComparison.Ordinal)) return new(text, null, text);
        int slash = text.IndexOf('/', SharePrefix.Length);
        return new(text, text[SharePrefix.Length..slash], text[(slash + 1)..]);
    }
}
