using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Interfaces.Naming;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api;

/// <summary>Requests that never reached their endpoint: what the framework says about them, in words for the caller.</summary>
internal static partial class BadRequests
{
    public static IResult Describe(BadHttpRequestException bad) => bad switch
    {
        { StatusCode: StatusCodes.Status413PayloadTooLarge } => OfStatus(StatusCodes.Status413PayloadTooLarge),
        { StatusCode: StatusCodes.Status415UnsupportedMediaType } => OfStatus(StatusCodes.Status415UnsupportedMediaType),
        { StatusCode: StatusCodes.Status408RequestTimeout } => OfStatus(StatusCodes.Status408RequestTimeout),
        { InnerException: JsonException json } => Malformed(json),
        { StatusCode: StatusCodes.Status400BadRequest } => Parameter(bad.Message),
        _ => OfStatus(bad.StatusCode),
    };

    /// <summary>A status that the framework set without a body.</summary>
    public static IResult OfStatus(int status) => status switch
    {
        StatusCodes.Status404NotFound =>
            Problems.Of(status, "not-found", "There is nothing under this path.", "GET /openapi/v1.json lists what there is."),
        StatusCodes.Status405MethodNotAllowed =>
            Problems.Of(status, "method-not-allowed", "This path does not take this method.", "The Allow header lists those it takes."),
        StatusCodes.Status408RequestTimeout => Problems.Of(status, "request-timeout", "The body came too slowly."),
        StatusCodes.Status413PayloadTooLarge => Problems.Of(status, "content-too-large", "The body is larger than this path takes."),
        StatusCodes.Status415UnsupportedMediaType =>
            Problems.Of(
                status, "unsupported-media-type", "This path does not take this kind of body.",
                "Send JSON with Content-Type: application/json."),
        _ => Problems.Of(status, $"http-{status}", "The request was refused."),
    };

    /// <summary>The member that is wrong, as <c>plan.phases[1].percent</c>, and where in the body it stands.</summary>
    private static ProblemHttpResult Malformed(JsonException json)
    {
        string field = json.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : json.Path ?? "$";
        string where = json is { LineNumber: { } line, BytePositionInLine: { } position }
            ? $" at line {line + 1}, byte {position + 1}" : "";
        if (json is UnstorableTextException) return Problems.Invalid(field, StorableText.Rule);
        // The framework's own text names .NET types, which mean nothing to the caller.
        string detail = json.Message.StartsWith("The JSON property", StringComparison.Ordinal)
            && json.Message.Contains("could not be mapped", StringComparison.Ordinal)
            ? $"There is no such member{where}."
            : $"The body is not the JSON that belongs here{where}.";
        return Problems.Invalid(field, detail);
    }

    private static ProblemHttpResult Parameter(string message) =>
        Failed().Match(message) is { Success: true } failed
            ? Problems.Invalid(failed.Groups["name"].Value, $"'{failed.Groups["value"].Value}' is not a value for it.")
            : Required().Match(message) is { Success: true } required
                ? Problems.Invalid(required.Groups["name"].Value, "Must be given.")
                : message.StartsWith("Implicit body inferred", StringComparison.Ordinal)
                    ? Problems.Invalid("$", "A JSON body must be given.")
                    : Problems.Of(StatusCodes.Status400BadRequest, "invalid-request", "The request is not valid.", message);

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (?<name>\\w+)\" from \"(?<value>.*)\"")]
    private static partial Regex Failed();

    [GeneratedRegex("^Required parameter \"\\S+ (?<name>\\w+)\" was not provided")]
    private static partial Regex Required();
}
