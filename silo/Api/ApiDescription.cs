using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Fleet.Silo.Api;

/// <summary>The API's description, <c>/openapi/v1.json</c>, made from the endpoints themselves.</summary>
internal static class ApiDescription
{
    private const string Name = "v1";
    private const string Scheme = "bearer";
    private const string ProblemJson = "application/problem+json";

    public static IServiceCollection AddApiDescription(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Fleet",
                Version = "v1",
                Description =
                    "Manages a fleet of devices. Times are RFC 3339 in UTC, durations ISO 8601; errors are problem details (RFC 9457).",
            };
            // Where it is served is where it is asked for.
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
            document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "A token; the first one is in data/admin.token.",
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            operation.OperationId ??= OperationId(context.Description.HttpMethod!, context.Description.RelativePath!);
            AddProblem(operation, context.Document, "default", "Another problem; its type says which.");
            var roles = context.Description.ActionDescriptor.EndpointMetadata.OfType<IAuthorizeData>()
                .Select(a => a.Policy).OfType<string>().ToList();
            if (roles.Count == 0) return Task.CompletedTask;
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, context.Document)] = [] }];
            operation.Description = $"{operation.Description} Needs the role {string.Join(", ", roles)}.".TrimStart();
            AddProblem(operation, context.Document, "401", "No token, or one that is not good.");
            AddProblem(operation, context.Document, "403", "The token's role does not allow this.");
            return Task.CompletedTask;
        });
    });

    /// <summary>Anybody may ask for it, and to make it takes 50 ms: it is made once.</summary>
    public static void MapApiDescription(this IEndpointRouteBuilder app)
    {
        var made = new Lazy<Task<byte[]>>(() => Make(app.ServiceProvider.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name)));
        app.MapGet($"/openapi/{Name}.json", async () => Results.Bytes(await made.Value, "application/json;charset=utf-8"))
            .ExcludeFromDescription();
    }

    private static async Task<byte[]> Make(IOpenApiDocumentProvider documents)
    {
        var document = await documents.GetOpenApiDocumentAsync();
        using var json = new MemoryStream();
        await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1);
        return json.ToArray();
    }

    /// <summary>What generated clients call it: <c>getFirmwareByModelByVersion</c> for GET /api/v1/firmware/{model}/{version}.</summary>
    private static string OperationId(string method, string path) =>
        method.ToLowerInvariant() + string.Concat(path.Split('/').Skip(2).Select(segment =>
            segment.StartsWith('{') ? $"By{Capital(segment[1..^1])}" : Capital(segment)));

    private static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];

    private static void AddProblem(OpenApiOperation operation, OpenApiDocument? document, string status, string description)
    {
        operation.Responses ??= [];
        operation.Responses.TryAdd(status, new OpenApiResponse
        {
            Description = description,
            Content = new Dictionary<string, OpenApiMediaType> { [ProblemJson] = new() { Schema = new OpenApiSchemaReference(
                "ProblemDetails", document) } },
        });
    }
}
