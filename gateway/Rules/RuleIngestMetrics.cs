using System.Diagnostics.Metrics;
using Fleet.Interfaces.Telemetry;

namespace Fleet.Gateway.Rules;

internal enum RuleDrop
{
    /// <summary>Published to <c>$aws/rules/{rule}/…</c>, and there is no such rule, or it is disabled.</summary>
    NoRule,

    /// <summary>The queue is full, and nobody would send it again: QoS 0, a will, a message of the service.</summary>
    QueueFull,

    /// <summary>QoS 0, and the store did not take it.</summary>
    NotStored,
}

/// <summary>What comes in for rules; meter "Fleet.Rules.Ingest".</summary>
internal sealed class RuleIngestMetrics
{
    private static readonly KeyValuePair<string, object?>[] DropTags = ClosedSeries.TagsOf<RuleDrop>("reason");

    private readonly Counter<long> _queued, _dropped, _refused;

    public RuleIngestMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Fleet.Rules.Ingest");
        _queued = meter.CreateCounter<long>("fleet.rule.messages", "{message}", "Messages put into the queues of rules.").StartedAtZero();
        _dropped = meter.CreateCounter<long>("fleet.rule.dropped", "{message}", "Messages for rules that were let go, by reason.")
            .StartedAtZero(DropTags);
        _refused = meter.CreateCounter<long>(
            "fleet.rule.refused", "{message}", "Messages for rules that were refused because a queue was full: their publishers keep them.")
            .StartedAtZero();
    }

    public void Queued() => _queued.Add(1);
    public void Dropped(RuleDrop reason) => _dropped.Add(1, DropTags[(int)reason]);
    public void Refused() => _refused.Add(1);
}
