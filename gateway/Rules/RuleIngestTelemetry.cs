using System.Diagnostics.Metrics;
using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Rules;

internal enum RuleDrop
{
    /// <summary>Published to <c>$aws/rules/{rule}/…</c>, and there is no such rule, or it is disabled.</summary>
    NoRule,

    /// <summary>The queue is full, and nobody would send it again: QoS 0, a will, a message of the service.</summary>
    QueueFull,

    /// <summary>QoS 0, and the store did not take it.</summary>
    NotStored,

    /// <summary>QoS 0, and its publisher has its share of the queue.</summary>
    ShareFull,
}

internal enum RuleRefusal
{
    QueueFull,

    /// <summary>The publisher has its share of the queue.</summary>
    ShareFull,
}

/// <summary>What comes in for rules; meter "Fleet.Rules.Ingest".</summary>
internal sealed class RuleIngestMetrics
{
    private static readonly KeyValuePair<string, object?>[] DropTags = ClosedSeries.TagsOf<RuleDrop>("reason");
    private static readonly KeyValuePair<string, object?>[] RefusalTags = ClosedSeries.TagsOf<RuleRefusal>("reason");

    private readonly Counter<long> _queued, _dropped, _refused;

    public RuleIngestMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Fleet.Rules.Ingest");
        _queued = meter.CreateCounter<long>("fleet.rule.messages", "{message}", "Messages put into the queues of rules.").StartedAtZero();
        _dropped = meter.CreateCounter<long>("fleet.rule.dropped", "{message}", "Messages for rules that were let go, by reason.")
            .StartedAtZero(DropTags);
        _refused = meter.CreateCounter<long>(
            "fleet.rule.refused", "{message}", "Messages for rules that were refused, by reason: their publishers keep them.")
            .StartedAtZero(RefusalTags);
    }

    public void Queued() => _queued.Add(1);
    public void Dropped(RuleDrop reason) => _dropped.Add(1, DropTags[(int)reason]);
    public void Refused(RuleRefusal reason) => _refused.Add(1, RefusalTags[(int)reason]);
}

/// <summary>Event ids 3100 to 3149.</summary>
internal static partial class RuleIngestLog
{
    [LoggerMessage(3101, LogLevel.Error, "A message for rule {Rule} could not be stored; its publisher is not acknowledged")]
    public static partial void MessageNotQueued(this ILogger log, Exception exception, string rule);

    [LoggerMessage(3102, LogLevel.Warning,
        "Messages for rule '{Rule}' are let go: there is none, or it is disabled. This is told once; fleet.rule.dropped counts them")]
    public static partial void NoSuchRule(this ILogger log, string rule);

    [LoggerMessage(3103, LogLevel.Warning, "The rules could not be read again; trying again")]
    public static partial void RulesNotRead(this ILogger log, Exception exception);

    [LoggerMessage(3104, LogLevel.Warning, "Rule {Rule} could not be told that its queue has grown; it looks by itself within a minute")]
    public static partial void RuleNotWoken(this ILogger log, Exception exception, string rule);

    [LoggerMessage(3105, LogLevel.Error, "Rule {Rule} has '{Filter}', which is no topic filter: it takes basic ingest only")]
    public static partial void FilterInvalid(this ILogger log, string rule, string filter);

    [LoggerMessage(3106, LogLevel.Error, "The queue of rule {Rule} could not be read")]
    public static partial void QueueNotRead(this ILogger log, Exception exception, string rule);

    [LoggerMessage(3107, LogLevel.Warning,
        "Publisher {Publisher} has its share of the queue of rule {Rule}, {Bytes} bytes, and gets no more in for now. This is told once a"
        + " minute for each rule; fleet.rule.refused counts them")]
    public static partial void ShareFull(this ILogger log, string publisher, string rule, long bytes);
}
