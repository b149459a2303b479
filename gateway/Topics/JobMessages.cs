using System.Buffers;
using System.Text.Json;
using Fleet.Gateway.Downloads;
using Fleet.Interfaces.Jobs;

namespace Fleet.Gateway.Topics;

/// <summary>The bodies of jobs answers and notifications: spec/aws-iot-topics.md, 2.3, 2.5 and 2.6. Times are whole epoch seconds.</summary>
internal sealed class JobMessages(DownloadUrls urls)
{
    private const int MaxNotifyEntries = 10;

    public byte[] Pending(PendingJobs jobs, string? clientToken, DateTimeOffset now) => Write(clientToken, now, json =>
    {
        Summaries(json, "inProgressJobs", jobs.InProgress);
        Summaries(json, "queuedJobs", jobs.Queued);
    });

    /// <summary>Answers start-next and get. No execution: nothing is pending, and the member is absent.</summary>
    public byte[] Execution(JobExecution? execution, bool withDocument, string? clientToken, DateTimeOffset now) => Write(clientToken, now, json =>
    {
        if (execution is not null) Execution(json, execution, withDocument);
    });

    public byte[] Updated(JobExecution execution, bool withState, bool withDocument, string? clientToken, DateTimeOffset now) => Write(clientToken, now, json =>
    {
        if (withState) State(json, execution);
        if (withDocument) Document(json, execution);
    });

    /// <param name="execution">For the codes that tell the state: InvalidStateTransition and VersionMismatch.</param>
    public static byte[] Rejected(string code, string message, string? clientToken, DateTimeOffset now, JobExecution? execution = null) => Write(clientToken, now, json =>
    {
        json.WriteString("code", code);
        json.WriteString("message", message);
        if (execution is not null) State(json, execution);
    });

    /// <summary>jobs/notify: at most ten entries, those in progress first; a status without entries has no member.</summary>
    public static byte[] Notify(PendingJobs jobs, DateTimeOffset now) => Write(null, now, json =>
    {
        var inProgress = jobs.InProgress.Take(MaxNotifyEntries).ToImmutableArray();
        var queued = jobs.Queued.Take(MaxNotifyEntries - inProgress.Length).ToImmutableArray();
        json.WriteStartObject("jobs");
        if (inProgress.Length > 0) Summaries(json, "IN_PROGRESS", inProgress);
        if (queued.Length > 0) Summaries(json, "QUEUED", queued);
        json.WriteEndObject();
    });

    /// <summary>jobs/notify-next: the bare timestamp when nothing is pending.</summary>
    public byte[] NotifyNext(JobExecution? next, DateTimeOffset now) => Execution(next, withDocument: true, clientToken: null, now);

    public static string StatusText(JobExecutionStatus status) => status switch
    {
        JobExecutionStatus.Queued => "QUEUED",
        JobExecutionStatus.InProgress => "IN_PROGRESS",
        JobExecutionStatus.Succeeded => "SUCCEEDED",
        JobExecutionStatus.Failed => "FAILED",
        JobExecutionStatus.Rejected => "REJECTED",
        JobExecutionStatus.TimedOut => "TIMED_OUT",
        JobExecutionStatus.Canceled => "CANCELED",
        JobExecutionStatus.Removed => "REMOVED",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    private static void Summaries(Utf8JsonWriter json, string name, ImmutableArray<JobExecution> executions)
    {
        json.WriteStartArray(name);
        foreach (var execution in executions)
        {
            json.WriteStartObject();
            Summary(json, execution);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Summary(Utf8JsonWriter json, JobExecution execution)
    {
        json.WriteString("jobId", execution.JobId.Value);
        json.WriteNumber("queuedAt", execution.QueuedAt.ToUnixTimeSeconds());
        if (execution.StartedAt is { } started) json.WriteNumber("startedAt", started.ToUnixTimeSeconds());
        json.WriteNumber("lastUpdatedAt", execution.LastUpdatedAt.ToUnixTimeSeconds());
        json.WriteNumber("versionNumber", execution.VersionNumber);
        json.WriteNumber("executionNumber", execution.ExecutionNumber);
    }

    private void Execution(Utf8JsonWriter json, JobExecution execution, bool withDocument)
    {
        json.WriteStartObject("execution");
        Summary(json, execution);
        json.WriteString("status", StatusText(execution.Status));
        Details(json, execution);
        if (withDocument) Document(json, execution);
        json.WriteEndObject();
    }

    private static void State(Utf8JsonWriter json, JobExecution execution)
    {
        json.WriteStartObject("executionState");
        json.WriteString("status", StatusText(execution.Status));
        Details(json, execution);
        json.WriteNumber("versionNumber", execution.VersionNumber);
        json.WriteEndObject();
    }

    private static void Details(Utf8JsonWriter json, JobExecution execution)
    {
        if (execution.StatusDetails.IsEmpty) return;
        json.WriteStartObject("statusDetails");
        foreach (var (key, value) in execution.StatusDetails) json.WriteString(key, value);
        json.WriteEndObject();
    }

    /// <summary>The document as it was made, member order and all, with the signed URL in the placeholder's place.</summary>
    private void Document(Utf8JsonWriter json, JobExecution execution)
    {
        string document = execution.Document;
        if (execution.Stream is { } stream && document.Contains(JobDocuments.DownloadUrlPlaceholder, StringComparison.Ordinal))
        {
            document = document.Replace(JobDocuments.DownloadUrlPlaceholder, urls.Sign(execution.Thing, stream, fileId: 0, execution.DownloadUntil), StringComparison.Ordinal);
        }
        json.WritePropertyName("jobDocument");
        json.WriteRawValue(document);
    }

    private static byte[] Write(string? clientToken, DateTimeOffset now, Action<Utf8JsonWriter> members)
    {
        var output = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            if (clientToken is not null) json.WriteString("clientToken", clientToken);
            json.WriteNumber("timestamp", now.ToUnixTimeSeconds());
            members(json);
            json.WriteEndObject();
        }
        return output.WrittenSpan.ToArray();
    }
}
