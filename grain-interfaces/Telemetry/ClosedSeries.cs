using System.Diagnostics.Metrics;
using System.Text.Json;

namespace Fleet.Interfaces.Telemetry;

/// <summary>Series that can be told beforehand: without a tag, or with one from a small closed set.</summary>
public static class ClosedSeries
{
    /// <summary>A tag for each value of an enum that counts from 0, with the value as its index; the words are in camel case.</summary>
    public static KeyValuePair<string, object?>[] TagsOf<T>(string name) where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(value => new KeyValuePair<string, object?>(name, JsonNamingPolicy.CamelCase.ConvertName(value)))];

    /// <summary>
    /// Shows these series, or without any the one that has no tag, before anything happened: of a series that begins with its first event,
    /// rate() misses that event. Readers that begin to listen later do not see them.
    /// </summary>
    public static Counter<long> StartedAtZero(this Counter<long> counter, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        ArgumentNullException.ThrowIfNull(counter);
        if (tags.IsEmpty) counter.Add(0);
        foreach (var tag in tags) counter.Add(0, tag);
        return counter;
    }

    /// <inheritdoc cref="StartedAtZero(Counter{long}, ReadOnlySpan{KeyValuePair{string, object?}})"/>
    public static UpDownCounter<long> StartedAtZero(
        this UpDownCounter<long> counter, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        ArgumentNullException.ThrowIfNull(counter);
        if (tags.IsEmpty) counter.Add(0);
        foreach (var tag in tags) counter.Add(0, tag);
        return counter;
    }
}
