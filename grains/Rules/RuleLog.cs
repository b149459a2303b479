using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Rules;

/// <summary>Event ids 2500 to 2599. What is in a message, and the headers and secrets of an action, are in none of them.</summary>
internal static partial class RuleLog
{
    [LoggerMessage(2501, LogLevel.Information, "Rule {Rule} has version {Version}: {Filter}, {State}")]
    public static partial void Changed(this ILogger log, string rule, long version, string filter, string state);

    [LoggerMessage(2502, LogLevel.Information, "Rule {Rule} was deleted")]
    public static partial void Deleted(this ILogger log, string rule);

    [LoggerMessage(2503, LogLevel.Warning, "A message of rule {Rule} was given up after {Attempts} attempts: {Error}")]
    public static partial void GivenUp(this ILogger log, string rule, int attempts, string error);

    [LoggerMessage(2504, LogLevel.Warning, "Rule {Rule} pauses until {Until:O}: its action failed again and again, last with: {Error}")]
    public static partial void Paused(this ILogger log, string rule, DateTimeOffset until, string error);

    [LoggerMessage(2505, LogLevel.Information, "Rule {Rule} works again")]
    public static partial void Recovered(this ILogger log, string rule);

    [LoggerMessage(2506, LogLevel.Error, "The queue of rule {Rule} could not be read or written; trying again in {After}")]
    public static partial void StoreFailed(this ILogger log, Exception exception, string rule, TimeSpan after);

    [LoggerMessage(2507, LogLevel.Warning, "A gateway did not take version {Version} of the rules; it asks for it in a moment")]
    public static partial void GatewayNotTold(this ILogger log, Exception exception, long version);

    [LoggerMessage(2508, LogLevel.Information, "Rule {Rule}: {Count} dead letters are put back into its queue")]
    public static partial void Replayed(this ILogger log, string rule, long count);

    [LoggerMessage(2509, LogLevel.Warning, "Rule {Rule}: {Count} dead letters were older than {Days} days and are deleted")]
    public static partial void Pruned(this ILogger log, string rule, long count, int days);

    [LoggerMessage(2510, LogLevel.Error, "An attempt of rule {Rule} ended in a way that nobody foresaw")]
    public static partial void AttemptBroke(this ILogger log, Exception exception, string rule);
}
