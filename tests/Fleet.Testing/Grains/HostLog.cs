using Microsoft.Extensions.Logging;

namespace Fleet.Testing.Grains;

internal static partial class HostLog
{
    [LoggerMessage(1001, LogLevel.Warning, "No answer within {Timeout} to {Call}")]
    public static partial void CallTimedOut(this ILogger log, string call, TimeSpan timeout);

    [LoggerMessage(1002, LogLevel.Warning, "{Call} failed, and nobody waits for its answer")]
    public static partial void UnheardFailure(this ILogger log, string call, Exception exception);

    [LoggerMessage(1003, LogLevel.Error, "Grain {Grain} could not be activated")]
    public static partial void ActivationFailed(this ILogger log, string grain, Exception exception);

    [LoggerMessage(1004, LogLevel.Error, "Grain {Grain} failed while it was deactivated; its activation has ended all the same")]
    public static partial void DeactivationFailed(this ILogger log, string grain, Exception exception);

    [LoggerMessage(1005, LogLevel.Warning, "A timer of grain {Grain} failed; it ticks on")]
    public static partial void TimerFailed(this ILogger log, string grain, Exception exception);

    [LoggerMessage(1006, LogLevel.Warning, "Reminder {Reminder} of grain {Grain} failed; the next tick is at {NextTick:O}")]
    public static partial void ReminderFailed(this ILogger log, string reminder, string grain, DateTime nextTick, Exception exception);
}
