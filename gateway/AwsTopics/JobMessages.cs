using System.Text.Encodings.Web;
using System.Text.Json;
using Fleet.Gateway.Downloads;
using Fleet.Interfaces.Jobs;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// Job executions as devices read them (spec/aws-iot-topics.md, 2.2 to 2.6), for answers and notifications alike. Times are whole epoch
/// seconds; the document is handed on byte for byte, but for the download URL that is put in.
/// </summary>
internal sealed class JobMessages(DownloadUrls urls)
{
    private const int MaxNotified = 10;

    /// <summary>GetPendingJobExecutions' answer.</summary>
    public static ReadOnlyMemory<byte> Pending(PendingJobs pending, DateTimeOffset now, string? clientToken) => JsonBody.Of(json =>
    {
        json.WriteOptional("clientToken", clientToken);
        json.WriteNumber("timestamp", now.ToUnixTimeSeconds());
        json.WriteStartArray("inProgressJobs");
        foreach (var execution in pending.InProgress) WriteSummary(json, execution);
        json.WriteEndArray();
        json.WriteStartArray("queuedJobs");
        foreach (var execution in pending.Queued) WriteSummary(json, execution);
        json.WriteEndArray();
    });

    /// <summary>The answer of start-next and get. With nothing pending there is no member "execution" at all.</summary>
    public ReadOnlyMemory<byte> Execution(
        JobExecution? execution, bool withDocument, DateTimeOffset now, string? clientToken) => JsonBody.Of(json =>
    {
        json.WriteOptional("clientToken", clientToken);
        json.WriteNumber("timestamp", now.ToUnixTimeSeconds());
        if (execution is not null) WriteExecution(json, execution, withDocument);
    });

    public ReadOnlyMemory<byte> Updated(
        JobExecution execution, bool withState, bool withDocument, DateTimeOffset now, string? clientToken) => JsonBody.Of(json =>
    {
        json.WriteOptional("clientToken", clientToken);
        json.WriteNumber("timestamp", now.ToUnixTimeSeconds());
        if (withState) WriteState(json, execution);
        if (withDocument) WriteDocument(json, execution);
    });

    /// <param name="state">Of the execution, for the two codes that carry it (2.5).</param>
    public static ReadOnlyMemory<byte> Rejected(
        string code, string message, DateTimeOffset now, string? clientToken, JobExecution? state = null) => JsonBody.Of(json =>
    {
        json.WriteString("code", code);
        json.WriteString("message", message);
        json.WriteOptional("clientToken", clientToken);
        json.WriteNumber("timestamp", now.ToUnixTimeSeconds());
        if (state is not null) WriteState(json, state);
    });

    /// <summary>jobs/notify: at most ten, those in progress first; a status without entries has no key.</summary>
    public static ReadOnlyMemory<byte> Notify(PendingJobs pending, DateTimeOffset at) => JsonBody.Of(json =>
    {
        json.WriteNumber("timestamp", at.ToUnixTimeSeconds());
        json.WriteStartObject("jobs");
        int left = MaxNotified;
        foreach (var (status, executions) in new[] { ("IN_PROGRESS", pending.InProgress), ("QUEUED", pending.Queued) })
        {
            if (executions.IsEmpty || left == 0) continue;
            json.WriteStartArray(status);
            foreach (var execution in executions.Take(left)) WriteSummary(json, execution);
            json.WriteEndArray();
            left -= Math.Min(left, executions.Length);
        }
        json.WriteEndObject();
    });

    /// <summary>jobs/notify-next: the bare timestamp when nothing is pending.</summary>
    public ReadOnlyMemory<byte> NotifyNext(JobExecution? next, DateTimeOffset at) => JsonBody.Of(json =>
    {
        json.WriteNumber("timestamp", at.ToUnixTimeSeconds());
        if (next is not null) WriteExecution(json, next, withDocument: true);
    });

    public static string NameOf(JobExecutionStatus status) => status switch
    {
        JobExecutionStatus.Queued => "QUEUED",
        JobExecutionStatus.InProgress => "IN_PROGRESS",
        JobExecutionStatus.Succeeded => "SUCCEEDED",
        JobExecutionStatus.Failed => "FAILED",
        JobExecutionStatus.Rejected => "REJECTED",
        JobExecutionStatus.TimedOut => "TIMED_OUT",
        JobExecutionStatus.Canceled => "CANCELED",
        _ => "REMOVED",
    };

    private static void WriteSummary(Utf8JsonWriter json, JobExecution execution)
    {
        json.WriteStartObject();
        json.WriteString("jobId", execution.JobId.Value);
        WriteTimesAndNumbers(json, execution);
        json.WriteEndObject();
    }

    private void WriteExecution(Utf8JsonWriter json, JobExecution execution, bool withDocument)
    {
        json.WriteStartObject("execution");
        json.WriteString("jobId", execution.JobId.Value);
        json.WriteString("status", NameOf(execution.Status));
        WriteDetails(json, execution);
        WriteTimesAndNumbers(json, execution);
        if (withDocument) WriteDocument(json, execution);
        json.WriteEndObject();
    }

    private static void WriteState(Utf8JsonWriter json, JobExecution execution)
    {
        json.WriteStartObject("executionState");
        json.WriteString("status", NameOf(execution.Status));
        WriteDetails(json, execution);
        json.WriteNumber("versionNumber", execution.VersionNumber);
        json.WriteEndObject();
    }

    private static void WriteDetails(Utf8JsonWriter json, JobExecution execution)
    {
        if (execution.StatusDetails.IsEmpty) return;
        json.WriteStartObject("statusDetails");
        foreach (var (name, value) in execution.StatusDetails) json.WriteString(name, value);
        json.WriteEndObject();
    }

    private static void WriteTimesAndNumbers(Utf8JsonWriter json, JobExecution execution)
    {
        json.WriteNumber("queuedAt", execution.QueuedAt.ToUnixTimeSeconds());
        if (execution.StartedAt is { } startedAt) json.WriteNumber("startedAt", startedAt.ToUnixTimeSeconds());
        json.WriteNumber("lastUpdatedAt", execution.LastUpdatedAt.ToUnixTimeSeconds());
        json.WriteNumber("versionNumber", execution.VersionNumber);
        json.WriteNumber("executionNumber", execution.ExecutionNumber);
    }

    private void WriteDocument(Utf8JsonWriter json, JobExecution execution)
    {
        string document = execution.Document;
        if (execution.Stream is { } stream && document.Contains(JobDocuments.DownloadUrlPlaceholder, StringComparison.Ordinal))
        {
            string url = urls.Sign(execution.Thing, stream, fileId: 0, execution.DownloadUntil);
            document = document.Replace(
                JobDocuments.DownloadUrlPlaceholder, JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(url), StringComparison.Ordinal);
        }
        json.WritePropertyName("jobDocument");
        // As it is: devices hash or compare it, so neither member order nor the spelling of numbers may change (9.2).
        json.WriteRawValue(document, skipInputValidation: true);
    }
}
