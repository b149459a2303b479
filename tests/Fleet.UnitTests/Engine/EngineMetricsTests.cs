using System.Diagnostics.Metrics;

namespace Fleet.UnitTests.Engine;

public sealed class EngineMetricsTests
{
    [Fact]
    public async Task Calls_are_counted_by_grain_type_and_outcome_and_activations_by_grain_type()
    {
        await using var engine = await TestEngine.Start();
        var worker = engine.Grains.GetGrain<IHoldingGrain>("one");
        await worker.Note("1");
        await worker.Note("2");
        await Assert.ThrowsAsync<InvalidDataException>(worker.Throw);
        var held = worker.Hold("held");
        engine.Time.Advance(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAsync<TimeoutException>(() => held);
        Assert.Equal(
            ["fleet.grain.activations holding = 1", "fleet.grain.calls holding failed = 1", "fleet.grain.calls holding succeeded = 2", "fleet.grain.calls holding timed_out = 1"],
            Read(engine.Service<IMeterFactory>()).Where(line => line.Contains("holding", StringComparison.Ordinal)));
    }

    private static List<string> Read(IMeterFactory meters)
    {
        List<string> lines = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "Fleet.Engine" && instrument.Meter.Scope == meters) l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => lines.Add(Line(instrument, value, tags)));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => lines.Add(Line(instrument, value, tags)));
        listener.Start();
        listener.RecordObservableInstruments();
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static string Line(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        $"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))} = {value}";
}
