using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Fleet.Grains.Rules;

/// <summary>What rules do, for dashboards and alerts; meter "Fleet.Rules". Names of rules are no tags: they are the operator's, and as many as they like.</summary>
public sealed class RuleMetrics
{
    private readonly Counter<long> _attempts;
    private readonly Counter<long> _failed;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _latency;
    private readonly UpDownCounter<int> _inFlight;
    private readonly ConcurrentDictionary<string, (long Queued, long Dead)> _backlogs = new(StringComparer.Ordinal);

    public RuleMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create("Fleet.Rules");
        _attempts = meter.CreateCounter<long>("fleet.rule.attempts", "{attempt}", "Attempts by outcome: delivered, failed (tried again), refused (never tried again).");
        _failed = meter.CreateCounter<long>("fleet.rule.given_up", "{message}", "Messages that became dead letters.");
        _duration = meter.CreateHistogram<double>("fleet.rule.attempt.duration", "s", "From the request to the answer.");
        _latency = meter.CreateHistogram<double>("fleet.rule.delivery.latency", "s", "From the arrival of a message to the answer that took it.");
        _inFlight = meter.CreateUpDownCounter<int>("fleet.rule.in_flight", "{attempt}", "Attempts under way.");
        meter.CreateObservableGauge("fleet.rule.queue.length", () => _backlogs.Values.Sum(b => b.Queued), "{message}", "Messages in the queues of the rules that work here.");
        meter.CreateObservableGauge("fleet.rule.dead_letters", () => _backlogs.Values.Sum(b => b.Dead), "{message}", "Dead letters of the rules that work here.");
    }

    internal void Begun() => _inFlight.Add(1);

    internal void Ended(string outcome, TimeSpan duration)
    {
        _inFlight.Add(-1);
        var tag = new KeyValuePair<string, object?>("outcome", outcome);
        _attempts.Add(1, tag);
        _duration.Record(duration.TotalSeconds, tag);
    }

    internal void Delivered(TimeSpan sinceArrival) => _latency.Record(sinceArrival.TotalSeconds);

    internal void GivenUp() => _failed.Add(1);

    internal void Stands(string rule, RuleBacklog backlog) => _backlogs[rule] = (backlog.Queued, backlog.DeadLetters);

    internal void IsGone(string rule) => _backlogs.TryRemove(rule, out _);
}
