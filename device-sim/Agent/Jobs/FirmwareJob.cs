using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent.Jobs;

/// <summary>One attempt of a job on this thing.</summary>
/// <param name="ExecutionNumber">From 1; a retry is the next one.</param>
internal sealed record JobKey(string JobId, long ExecutionNumber);

/// <summary>A firmware update that was checked and taken on: only what a signed manifest says, and where to fetch it.</summary>
internal sealed record FirmwareJob
{
    public required JobKey Key { get; init; }
    public required string Version { get; init; }
    public required long SizeBytes { get; init; }

    /// <summary>64 lower-case hex digits.</summary>
    public required string Sha256 { get; init; }

    /// <summary>DER, over SHA-256 of the file.</summary>
    public required byte[] Signature { get; init; }

    /// <summary>What the device's floor becomes on confirmation; null leaves it.</summary>
    public string? Floor { get; init; }

    /// <summary>Null if the document does not offer MQTT.</summary>
    public string? Stream { get; init; }
    public int FileId { get; init; }

    /// <summary>Null if the document does not offer HTTP.</summary>
    public string? Url { get; init; }
}

/// <summary>How far an update has come. The first three are also what <c>statusDetails.step</c> says.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<UpdateStep>))]
internal enum UpdateStep
{
    Downloading,
    Installing,

    /// <summary>The slot is written; the device restarts into it, or has done so and is about to prove itself.</summary>
    Confirming,

    /// <summary>The outcome is decided; the service has yet to take it.</summary>
    Decided,
}

/// <summary>How a job execution ends, as the wire names it.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobResult>))]
internal enum JobResult { Succeeded, Failed, Rejected }

internal sealed record Outcome(JobResult Result, string Reason);

/// <summary>The update under way.</summary>
internal sealed record UpdateRecord(FirmwareJob Job, UpdateStep Step)
{
    /// <summary>Downloads that came out with another digest.</summary>
    public int WrongDigests { get; init; }

    public int RefusedLinks { get; init; }

    /// <summary>The service knows that this device is confirming: only a start after that proves anything.</summary>
    public bool Announced { get; init; }

    /// <summary>Set once the step is <see cref="UpdateStep.Decided"/>.</summary>
    public Outcome? Outcome { get; init; }
}

/// <summary>A job execution that ended here.</summary>
internal sealed record FinishedJob(JobKey Key, Outcome Outcome);
