using Fleet.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

/// <summary>
/// What the deterministic host promises beyond Orleans, and what it breaks on request because Orleans does not promise it.
/// </summary>
public sealed class GrainHostTests : IAsyncDisposable
{
    private readonly Journal _journal = new();
    private readonly FakeTimeProvider _time = new(HostSettings.Noon);
    private readonly GrainHostSettings _settings;
    private GrainHost? _host;

    public GrainHostTests() => _settings = new()
    {
        GrainAssemblies = [typeof(GrainHostTests).Assembly],
        Time = _time,
        Services = services => services.AddSingleton(_journal),
    };

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
    }

    [Fact]
    public async Task Calls_of_one_caller_arrive_in_order()
    {
        var worker = await Start(_settings);
        string[] lines = [.. Enumerable.Range(0, 1_000).Select(i => $"line {i}")];
        await Task.WhenAll(lines.Select(worker.Note));
        Assert.Equal(["one activated", .. lines], _journal.Lines);
    }

    [Fact]
    public async Task Calls_are_neither_lost_nor_reordered_by_deactivations()
    {
        var worker = await Start(_settings);
        List<Task> calls = [];
        for (int i = 0; i < 2_000; i++)
        {
            calls.Add(worker.Note($"note {i}"));
            if (i % 7 == 0) calls.Add(worker.DeactivateNow());
        }
        await Task.WhenAll(calls);
        Assert.Equal(Enumerable.Range(0, 2_000).Select(i => $"note {i}"), Notes());
    }

    [Fact]
    public async Task A_call_that_may_be_overtaken_arrives_once_and_later_calls_may_come_before_it()
    {
        var faults = new Faults { Overtaken = call => call.Contains(nameof(IWorkerGrain.HoldReadOnly), StringComparison.Ordinal) };
        var worker = await Start(_settings with { Faults = faults });
        _journal.Happen("release first");
        var overtaken = worker.HoldReadOnly("first");
        await worker.Note("note");
        await overtaken;
        Assert.Single(_journal.Lines, "first begins");
    }

    [Fact]
    public async Task A_call_that_meets_a_dead_silo_fails_and_does_not_run()
    {
        var worker = await Start(_settings with { Faults = new Faults { Refused = (_, isForwarded) => !isForwarded } });
        await Assert.ThrowsAsync<SiloUnavailableException>(() => worker.Note("note"));
        Assert.Empty(_journal.Lines);
    }

    [Fact]
    public async Task A_call_that_meets_a_deactivation_fails_and_does_not_run()
    {
        var worker = await Start(_settings with { Faults = new Faults { Refused = (_, isForwarded) => isForwarded } });
        var held = worker.Hold("held");
        await _journal.Until("held begins");
        var (end, waiting) = (worker.DeactivateNow(), worker.Note("note"));
        _journal.Happen("release held");
        await Task.WhenAll(held, end);
        await Assert.ThrowsAsync<SiloUnavailableException>(() => waiting);
        Assert.Empty(Notes());
    }

    [Fact]
    public async Task Calls_time_out_each_at_its_own_time()
    {
        var worker = await Start(_settings);
        var first = worker.Hold("first");
        _time.Advance(TimeSpan.FromSeconds(10));
        var second = worker.Hold("second");
        _time.Advance(TimeSpan.FromSeconds(20));
        await Assert.ThrowsAsync<TimeoutException>(() => first);
        Assert.False(second.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<TimeoutException>(() => second);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Ticks_count_as_use_only_if_they_are_to_keep_the_grain_alive(bool keepAlive)
    {
        await Start(_settings);
        var clock = _host!.Grains.GetGrain<IClockGrain>("one");
        await clock.Start("t", due: TimeSpan.FromMinutes(10), period: Timeout.InfiniteTimeSpan, keepAlive: keepAlive);
        _time.Advance(TimeSpan.FromMinutes(10));
        await _journal.Until("t ticks");
        // Twice: the tick's turn may still have been under way at the first.
        _time.Advance(TimeSpan.FromMinutes(keepAlive ? 5 : 10));
        _time.Advance(TimeSpan.FromMinutes(keepAlive ? 5 : 10));
        if (!keepAlive) await _journal.Until("ended");
        Assert.Equal(keepAlive ? 1 : 0, await clock.Ticks());
    }

    [Fact]
    public async Task A_reminder_may_be_a_year_ahead()
    {
        await Start(_settings);
        var year = TimeSpan.FromDays(365);
        await _host!.Grains.GetGrain<IAlarmGrain>("one").Set("wake", year, year);
        _time.Advance(year - TimeSpan.FromDays(1));
        Assert.Empty(_journal.Lines);
        _time.Advance(TimeSpan.FromDays(1));
        await _journal.Until("wake of one at 12:00, first 12:00, each 365.00:00:00");
    }

    [Fact]
    public async Task A_killed_host_runs_nothing_more_and_the_next_begins_with_what_was_stored()
    {
        var worker = await Start(_settings);
        await _host!.Grains.GetGrain<INotebookGrain>("one").Write("stored");
        _ = worker.Hold("held");
        await _journal.Until("held begins");
        _host.Kill();
        _journal.Happen("release held");
        await Assert.ThrowsAsync<SiloUnavailableException>(() => worker.Note("late"));

        await using var next = await GrainHost.Start(_settings);
        Assert.Equal("stored, exists: True", await next.Grains.GetGrain<INotebookGrain>("one").Opening());
        Assert.DoesNotContain("held ends", _journal.Lines);
    }

    private async Task<IWorkerGrain> Start(GrainHostSettings settings)
    {
        _host = await GrainHost.Start(settings);
        return _host.Grains.GetGrain<IWorkerGrain>("one");
    }

    private IEnumerable<string> Notes() => _journal.Lines.Where(line => line.StartsWith("note", StringComparison.Ordinal));

    private sealed class Faults : ICallFaults
    {
        public Func<string, bool> Overtaken { get; init; } = _ => false;

        public Func<string, bool, bool> Refused { get; init; } = (_, _) => false;

        public bool MayBeOvertaken(string call) => Overtaken(call);

        public Exception? RejectionOf(string call, bool isForwarded) =>
            Refused(call, isForwarded) ? new SiloUnavailableException(call) : null;
    }
}
