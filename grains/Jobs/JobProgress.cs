using Fleet.Interfaces.Jobs;

namespace Fleet.Grains.Jobs;

/// <summary>Reads how far a device is from the statusDetails that it sends while IN_PROGRESS.</summary>
internal static class JobProgress
{
    /// <summary>
    /// The stage named by the details; without a name, the one the execution is in. An execution never goes back,
    /// so that its deadlines end.
    /// </summary>
    public static JobStage StageOf(JobStage current, ImmutableSortedDictionary<string, string>? details)
    {
        var named = Named(details);
        // Started: whatever else it says, it is past the queue.
        var least = current is JobStage.Queued ? JobStage.Downloading : current;
        return named > least ? named.Value : least;
    }

    private static JobStage? Named(ImmutableSortedDictionary<string, string>? details)
    {
        if (details is null) return null;
        if (details.TryGetValue("step", out var step))
        {
            return step switch
            {
                "downloading" => JobStage.Downloading,
                "installing" => JobStage.Installing,
                "confirming" => JobStage.Confirming,
                _ => null,
            };
        }
        // FreeRTOS OTA agents (spec/aws-iot-topics.md, 2.8): receive "64/353", then self_test "ready" just before the restart.
        if (details.ContainsKey("self_test")) return JobStage.Confirming;
        return details.ContainsKey("receive") ? JobStage.Downloading : null;
    }

    /// <summary>The device's own reason for a final status, kept as it was said.</summary>
    public static string? ReasonOf(ImmutableSortedDictionary<string, string>? details) => details?.GetValueOrDefault("reason");
}
