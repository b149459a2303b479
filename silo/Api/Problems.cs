using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api;

/// <summary>RFC 9457 problem details with a stable type, <c>urn:fleet:error:{code}</c>.</summary>
internal static class Problems
{
    /// <param name="field">JSON path or parameter name of what was wrong, as the member "field".</param>
    public static ProblemHttpResult Of(int status, string code, string title, string? detail = null, string? field = null) =>
        TypedResults.Problem(
            type: $"urn:fleet:error:{code}", statusCode: status, title: title, detail: detail,
            extensions: field is null ? null : new Dictionary<string, object?> { ["field"] = field });

    public static ProblemHttpResult Invalid(string field, string detail) =>
        Of(StatusCodes.Status400BadRequest, "invalid-request", "The request is not valid.", detail, field);

    public static ProblemHttpResult NotSupported(string field, string detail) =>
        Of(StatusCodes.Status400BadRequest, "not-supported", "Not supported yet.", detail, field);

    public static ProblemHttpResult NotFound(string what, string name) =>
        Of(StatusCodes.Status404NotFound, $"{what}-not-found", $"There is no {what} '{name}'.");
}
