using System.Globalization;
using System.Text.Json;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Topics;

/// <summary>A jobs request, checked for shape; a field that was absent has its default (spec/aws-iot-topics.md, 2.3).</summary>
internal sealed record JobRequest
{
    public string? ClientToken { get; init; }
    public JobExecutionStatus? Status { get; init; }
    public ImmutableSortedDictionary<string, string>? StatusDetails { get; init; }
    public int? ExpectedVersion { get; init; }
    public int? ExecutionNumber { get; init; }
    public bool? IncludeJobDocument { get; init; }
    public bool IncludeJobExecutionState { get; init; }

    public UpdateJob ToUpdate(JobId job, JobExecutionStatus status) => new(job, status, StatusDetails, ExpectedVersion, ExecutionNumber);
}

/// <param name="Code">InvalidJson or InvalidRequest (spec 2.5).</param>
internal sealed record JobRequestFault(string Code, string Message);

internal static class JobRequestReader
{
    private const int MaxTokenBytes = 64;
    private const int MaxDetails = 64;
    private const int MaxDetailKeyLength = 128;
    private const int MaxDetailValueLength = 1_024;

    /// <summary>Empty and <c>{}</c> both mean no fields; unknown members are ignored. The token is told even when the rest is wrong.</summary>
    public static JobRequestFault? Read(ReadOnlyMemory<byte> payload, out JobRequest request)
    {
        request = new JobRequest();
        if (payload.Length == 0) return null;
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(payload);
        }
        catch (JsonException e)
        {
            return new("InvalidJson", $"The request is not JSON: {e.Message}");
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object) return new("InvalidJson", "The request is not a JSON object.");
            string? fault = null;
            foreach (var member in document.RootElement.EnumerateObject()) fault ??= Member(member.Name, member.Value, ref request);
            if (request.ClientToken is null && fault is not null && document.RootElement.TryGetProperty("clientToken", out var token)) _ = Token(token, ref request);
            return fault is null ? null : new("InvalidRequest", fault);
        }
    }

    private static string? Member(string name, JsonElement value, ref JobRequest request)
    {
        switch (name)
        {
            case "clientToken": return Token(value, ref request);
            case "status": return Status(value, ref request);
            case "statusDetails": return Details(value, ref request);
            case "expectedVersion":
                if (!Integer(value, orText: true, out int expected)) return "expectedVersion must be an integer.";
                request = request with { ExpectedVersion = expected };
                return null;
            case "executionNumber":
                if (!Integer(value, orText: false, out int number) || number < 1) return "executionNumber must be an integer of 1 or more.";
                request = request with { ExecutionNumber = number };
                return null;
            case "includeJobDocument" or "includeJobExecutionState":
                if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)) return $"{name} must be true or false.";
                request = name == "includeJobDocument" ? request with { IncludeJobDocument = value.GetBoolean() } : request with { IncludeJobExecutionState = value.GetBoolean() };
                return null;
            case "stepTimeoutInMinutes":
                // The plan's deadlines rule; a step timer of the device's own is checked and has nothing to add to them.
                return Integer(value, orText: false, out int minutes) && minutes is -1 or (>= 1 and <= 10_080) ? null : "stepTimeoutInMinutes must be 1 to 10080, or -1.";
            default: return null;
        }
    }

    private static string? Token(JsonElement value, ref JobRequest request)
    {
        if (value.ValueKind != JsonValueKind.String || System.Text.Encoding.UTF8.GetByteCount(value.GetString()!) > MaxTokenBytes) return $"clientToken must be a string of at most {MaxTokenBytes} bytes.";
        request = request with { ClientToken = value.GetString() };
        return null;
    }

    private static string? Status(JsonElement value, ref JobRequest request)
    {
        JobExecutionStatus? status = value.ValueKind != JsonValueKind.String ? null : value.GetString() switch
        {
            "IN_PROGRESS" => JobExecutionStatus.InProgress,
            "SUCCEEDED" => JobExecutionStatus.Succeeded,
            "FAILED" => JobExecutionStatus.Failed,
            "REJECTED" => JobExecutionStatus.Rejected,
            _ => null,
        };
        if (status is null) return "status must be IN_PROGRESS, SUCCEEDED, FAILED or REJECTED.";
        request = request with { Status = status };
        return null;
    }

    private static string? Details(JsonElement value, ref JobRequest request)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.Object) return "statusDetails must be an object of strings.";
        var details = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject())
        {
            if (member.Name.Length is 0 or > MaxDetailKeyLength || !member.Name.All(c => char.IsAsciiLetterOrDigit(c) || ":_-".Contains(c)))
            {
                return $"statusDetails: the key '{member.Name}' is not 1 to {MaxDetailKeyLength} of a-z A-Z 0-9 : _ -.";
            }
            if (member.Value.ValueKind != JsonValueKind.String || member.Value.GetString() is not { Length: > 0 and <= MaxDetailValueLength } text || text.Any(char.IsControl))
            {
                return $"statusDetails: the value of '{member.Name}' is not a string of 1 to {MaxDetailValueLength} characters without control characters.";
            }
            details[member.Name] = text;
        }
        if (details.Count > MaxDetails) return $"statusDetails has more than {MaxDetails} entries.";
        request = request with { StatusDetails = details.ToImmutable() };
        return null;
    }

    /// <param name="orText">The embedded Jobs library sends <c>"2"</c> for 2.</param>
    private static bool Integer(JsonElement value, bool orText, out int number)
    {
        number = 0;
        return value.ValueKind switch
        {
            JsonValueKind.Number => value.TryGetInt32(out number),
            JsonValueKind.String when orText => int.TryParse(value.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out number),
            _ => false,
        };
    }
}
