using System.Diagnostics.Metrics;

namespace Fleet.UnitTests.Support;

/// <summary>What a meter's observable instruments say, a sorted line each: name, tag values, value.</summary>
internal static class MeterReadings
{
    public static List<string> Read(this IMeterFactory meters, string meter)
    {
        List<string> lines = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.IsObservable && instrument.Meter.Name == meter && instrument.Meter.Scope == meters) l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => lines.Add(Line(instrument, value, tags)));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => lines.Add(Line(instrument, value, tags)));
        listener.Start();
        listener.RecordObservableInstruments();
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    /// <summary>Listens to a counter from now on.</summary>
    public static CounterReadings Count(this IMeterFactory meters, string counter) => new(meters, counter);

    private static string Line(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        $"{string.Join(' ', [instrument.Name, .. tags.ToArray().Select(tag => tag.Value)])} = {value}";
}

/// <summary>What was added to a counter: tag values and value.</summary>
internal sealed class CounterReadings : IDisposable
{
    private readonly MeterListener _listener = new();

    public CounterReadings(IMeterFactory meters, string counter)
    {
        _listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == counter && instrument.Meter.Scope == meters) l.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            if (value != 0) Counted.Add($"{string.Join(' ', tags.ToArray().Select(tag => tag.Value))} {value}");
        });
        _listener.Start();
    }

    public List<string> Counted { get; } = [];

    public void Dispose() => _listener.Dispose();
}
