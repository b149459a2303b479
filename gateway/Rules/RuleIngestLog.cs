using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Rules;

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
}
