using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent.Jobs;

/// <summary>notify-next and the answers of start-next (spec/aws-iot-topics.md, 2.3 and 2.6). No execution: nothing is pending.</summary>
internal sealed record HeadMessage(JobExecutionMessage? Execution, string? ClientToken);

/// <summary>JobExecution of the spec's 2.2, as far as an agent needs it.</summary>
internal sealed record JobExecutionMessage
{
    public required string JobId { get; init; }
    public required string Status { get; init; }

    /// <summary>Which attempt of this job on this thing, from 1.</summary>
    public long ExecutionNumber { get; init; } = 1;
    public IReadOnlyDictionary<string, string>? StatusDetails { get; init; }

    /// <summary>Left unparsed: a document that we cannot read is to be rejected, and for that the rest must be known.</summary>
    public JsonElement? JobDocument { get; init; }

    [JsonIgnore] public JobKey Key => new(JobId, ExecutionNumber);

    [JsonIgnore] public bool IsStarted => Status == "IN_PROGRESS";
}

internal sealed record StartNextRequest(string ClientToken, IReadOnlyDictionary<string, string> StatusDetails);

internal sealed record UpdateJobRequest(
    string Status, IReadOnlyDictionary<string, string> StatusDetails, long ExecutionNumber, string ClientToken);

/// <summary>Rejected body of the jobs family (2.5).</summary>
internal sealed record JobRejection(string? Code, string? Message, string? ClientToken);

/// <summary>The job document of a firmware update: FreeRTOS' <c>afr_ota</c> (2.8) and what Fleet adds to it.</summary>
internal sealed record JobDocument
{
    [JsonPropertyName("afr_ota")] public OtaUpdate? Ota { get; init; }
    public FleetOperation? Fleet { get; init; }
}

internal sealed record OtaUpdate
{
    public string[] Protocols { get; init; } = [];
    [JsonPropertyName("streamname")] public string? StreamName { get; init; }
    public OtaFile[] Files { get; init; } = [];
}

internal sealed record OtaFile
{
    [JsonPropertyName("filesize")] public long FileSize { get; init; }
    [JsonPropertyName("fileid")] public int FileId { get; init; }
    [JsonPropertyName("update_data_url")] public string? UpdateDataUrl { get; init; }

    /// <summary>base64 of the DER ECDSA P-256 signature over SHA-256 of the file.</summary>
    [JsonPropertyName("sig-sha256-ecdsa")] public string? Signature { get; init; }
}

internal sealed record FleetOperation
{
    public string? Operation { get; init; }
    public string? Model { get; init; }
    public string? Version { get; init; }
    public string? Sha256 { get; init; }

    /// <summary>base64 of the manifest's JSON.</summary>
    public string? Manifest { get; init; }

    /// <summary>base64 of the DER ECDSA P-256 signature over SHA-256 of the manifest's bytes.</summary>
    public string? ManifestSignature { get; init; }
}

/// <summary>What the firmware signer vouches for.</summary>
/// <param name="Floor">Once this version is confirmed, the device refuses any below this one.</param>
internal sealed record Manifest(string? Model, string? Version, long SizeBytes, string? Sha256, string? Floor);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HeadMessage))]
[JsonSerializable(typeof(StartNextRequest))]
[JsonSerializable(typeof(UpdateJobRequest))]
[JsonSerializable(typeof(JobRejection))]
[JsonSerializable(typeof(JobDocument))]
[JsonSerializable(typeof(Manifest))]
internal sealed partial class JobJson : JsonSerializerContext;
