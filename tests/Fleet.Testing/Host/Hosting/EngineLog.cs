using Microsoft.Extensions.Logging;

namespace Fleet.Testing.Host;

internal static partial class EngineLog
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

    [LoggerMessage(1007, LogLevel.Warning, "Reminder {Reminder} belongs to {Grain}, of which there is no class here; it does not tick")]
    public static partial void ReminderWithoutGrain(this ILogger log, string reminder, string grain);

    [LoggerMessage(1008, LogLevel.Information, "Engine started: {Classes} grain classes, {Reminders} reminders")]
    public static partial void Started(this ILogger log, int classes, int reminders);

    [LoggerMessage(1009, LogLevel.Warning, "Engine stopped with {Activations} activations that had not ended in time")]
    public static partial void StoppedEarly(this ILogger log, int activations);
}
