using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Fleet.Interfaces.Telemetry;

namespace Fleet.Grains.Rules;

/// <summary>A failed attempt is tried again, a refused one never, a cancelled one when the service is back.</summary>
internal enum AttemptEnd { Delivered, Failed, Refused, Cancelled }

/// <summary>
/// What rules do, for dashboards and alerts; meter "Fleet.Rules". Names of rules are no tags: they are the operator's,
/// and as many as they like.
/// </summary>
public sealed class RuleMetrics
{
    private static readonly KeyValuePair<string, object?>[] EndTags = ClosedSeries.TagsOf<AttemptEnd>("outcome");

    private readonly Counter<long> _attempts, _failed;
    private readonly Histogram<double> _duration, _latency;
    private readonly UpDownCounter<long> _inFlight;
    private readonly ConcurrentDictionary<string, (long Queued, long Dead)> _backlogs = new(StringComparer.Ordinal);

    public RuleMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create("Fleet.Rules");
        _attempts = meter.CreateCounter<long>(
            "fleet.rule.attempts", "{attempt}", "Attempts by how they ended; only failed ones are tried again.")
            .StartedAtZero(EndTags);
        _failed = meter.CreateCounter<long>("fleet.rule.given_up", "{message}", "Messages that became dead letters.").StartedAtZero();
        _duration = meter.CreateHistogram<double>("fleet.rule.attempt.duration", "s", "From the request to the answer.");
        _latency = meter.CreateHistogram<double>(
            "fleet.rule.delivery.latency", "s", "From the arrival of a message to the answer that took it.");
        _inFlight = meter.CreateUpDownCounter<long>("fleet.rule.in_flight", "{attempt}", "Attempts under way.").StartedAtZero();
        meter.CreateObservableGauge(
            "fleet.rule.queue.length", () => _backlogs.Values.Sum(b => b.Queued), "{message}",
            "Messages in the queues of the rules that work here.");
        meter.CreateObservableGauge(
            "fleet.rule.dead_letters", () => _backlogs.Values.Sum(b => b.Dead), "{message}", "Dead letters of the rules that work here.");
    }

    internal void Begun() => _inFlight.Add(1);

    internal void Ended(AttemptEnd end, TimeSpan duration)
    {
        _inFlight.Add(-1);
        _attempts.Add(1, EndTags[(int)end]);
        _duration.Record(duration.TotalSeconds, EndTags[(int)end]);
    }

    internal void Delivered(TimeSpan sinceArrival) => _latency.Record(sinceArrival.TotalSeconds);

    internal void GivenUp() => _failed.Add(1);

    internal void Stands(string rule, RuleBacklog backlog) => _backlogs[rule] = (backlog.Queued, backlog.DeadLetters);

    internal void IsGone(string rule) => _backlogs.TryRemove(rule, out _);
}
