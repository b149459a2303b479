using Fleet.DeviceSim.Agent.Jobs;
using Microsoft.Extensions.Logging;

namespace Fleet.DeviceSim.Agent;

internal static partial class AgentLog
{
    [LoggerMessage(7001, LogLevel.Information, "{Thing} is provisioned")]
    public static partial void Provisioned(this ILogger log, string thing);

    [LoggerMessage(7002, LogLevel.Information, "{Thing} runs {Version} from slot {Slot}, health {Health}")]
    public static partial void PoweredOn(this ILogger log, string thing, string version, string slot, string health);

    [LoggerMessage(7003, LogLevel.Warning, "{Thing} has no connection: {Trouble}")]
    public static partial void Trouble(this ILogger log, string thing, string trouble);

    [LoggerMessage(7004, LogLevel.Information, "{Thing} reports {Step} of job {JobId}, execution {ExecutionNumber}")]
    public static partial void Reporting(this ILogger log, string thing, UpdateStep step, string jobId, long executionNumber);

    [LoggerMessage(7005, LogLevel.Information, "{Thing} ends job {JobId}, execution {ExecutionNumber} as {Result}: {Reason}")]
    public static partial void Ending(this ILogger log, string thing, string jobId, long executionNumber, JobResult result, string reason);

    [LoggerMessage(7006, LogLevel.Warning, "{Thing} got no answer on {Topic}, attempt {Attempt}")]
    public static partial void Unanswered(this ILogger log, string thing, string topic, int attempt);

    [LoggerMessage(7007, LogLevel.Warning, "{Thing} got a notify-next that it cannot read")]
    public static partial void UnreadableNotification(this ILogger log, string thing);

    [LoggerMessage(7008, LogLevel.Error, "{Thing} stopped on an error of its own")]
    public static partial void Faulted(this ILogger log, string thing, Exception error);
}
