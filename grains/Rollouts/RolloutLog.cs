using Fleet.Interfaces.Rollouts;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Rollouts;

internal static partial class RolloutLog
{
    [LoggerMessage(2101, LogLevel.Information, "Rollout {RolloutId} started: {TargetSize} devices in {Shards} shards")]
    public static partial void Started(this ILogger log, string rolloutId, int targetSize, int shards);

    [LoggerMessage(2102, LogLevel.Information, "Rollout {RolloutId} reached phase {Phase}: {PhaseSize} of {TargetSize} devices")]
    public static partial void PhaseReached(this ILogger log, string rolloutId, int phase, int phaseSize, int targetSize);

    [LoggerMessage(2103, LogLevel.Warning, "Rollout {RolloutId} stops ({Reason}). {Detail}")]
    public static partial void Stops(this ILogger log, string rolloutId, StopReason reason, string? detail);

    [LoggerMessage(2104, LogLevel.Warning, "Rollout {RolloutId} is cancelled ({Reason}). {Detail}")]
    public static partial void IsCancelled(this ILogger log, string rolloutId, StopReason reason, string? detail);

    [LoggerMessage(2105, LogLevel.Information, "Rollout {RolloutId} is {Status}")]
    public static partial void Reached(this ILogger log, string rolloutId, RolloutStatus status);

    [LoggerMessage(2106, LogLevel.Information, "Rollout {RolloutId} resumed")]
    public static partial void Resumed(this ILogger log, string rolloutId);

    [LoggerMessage(2107, LogLevel.Warning, "Rollout {RolloutId} could not reach its shard {Shard}; it will try again")]
    public static partial void ShardUnreachable(this ILogger log, Exception exception, string rolloutId, int shard);

    [LoggerMessage(2111, LogLevel.Warning, "Shard {Shard}: {Call} was not answered by {Thing}; it will be tried again")]
    public static partial void DeviceUnreachable(this ILogger log, Exception exception, string shard, string call, string thing);

    [LoggerMessage(2112, LogLevel.Warning, "Shard {Shard} could not report to its rollout; it will try again")]
    public static partial void RolloutUnreachable(this ILogger log, Exception exception, string shard);
}
