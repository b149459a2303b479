using System.Text.Json;
using System.Text.Json.Nodes;

namespace Fleet.Samples.DotnetDevice;

/// <summary>One execution of a job on this thing.</summary>
/// <param name="version">
/// Counts the execution's changes. With it an update holds only if nobody else changed the execution meanwhile; null: in any case.
/// </param>
internal sealed class Job(FleetConnection fleet, string thing, string id, long executionNumber, long? version)
{
    private long? _version = version;

    public string Id => id;
    public long ExecutionNumber => executionNumber;
    public JsonElement Document { get; private init; }

    /// <summary>Starts the next pending execution, or finds the one under way.</summary>
    /// <returns>Null: there is none, and <c>notify-next</c> tells of the next.</returns>
    public static async Task<Job?> StartNextAsync(FleetConnection fleet, string thing)
    {
        var start = new JsonObject { ["statusDetails"] = new JsonObject { ["step"] = "downloading" } };
        if ((await fleet.AskAsync($"$aws/things/{thing}/jobs/start-next", start))["execution"] is not { } execution) return null;
        var (id, number, version) = ((string)execution["jobId"]!, (long)execution["executionNumber"]!, (long)execution["versionNumber"]!);
        return new Job(fleet, thing, id, number, version) { Document = JsonSerializer.SerializeToElement(execution["jobDocument"]) };
    }

    /// <param name="step">downloading, installing or confirming: each has a deadline of its own in the rollout's plan.</param>
    public Task ReportStepAsync(string step, string? progress = null)
    {
        var details = new JsonObject { ["step"] = step };
        if (progress is not null) details["progress"] = progress;
        return UpdateAsync("IN_PROGRESS", details);
    }

    public Task ReportResultAsync(JobResult result, string reason)
    {
        Console.WriteLine($"{thing} job {id}: {result}, {reason}");
        return UpdateAsync(result.ToString().ToUpperInvariant(), new JsonObject { ["reason"] = reason });
    }

    private async Task UpdateAsync(string status, JsonObject details)
    {
        var update = new JsonObject
        {
            ["status"] = status, ["statusDetails"] = details, ["executionNumber"] = executionNumber, ["includeJobExecutionState"] = true,
        };
        if (_version is not null) update["expectedVersion"] = _version;
        var answer = await fleet.AskAsync($"$aws/things/{thing}/jobs/{id}/update", update);
        if (_version is not null) _version = (long)answer["executionState"]!["versionNumber"]!;
    }
}
