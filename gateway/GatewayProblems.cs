using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Gateway;

/// <summary>RFC 9457 problem details with a stable type, as the admin API has them.</summary>
internal static class GatewayProblems
{
    public static ProblemHttpResult Of(int status, string code, string title, string? detail = null) =>
        TypedResults.Problem(type: $"urn:fleet:error:{code}", statusCode: status, title: title, detail: detail);
}
