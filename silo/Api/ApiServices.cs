using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Silo.Api;

internal static class ApiServices
{
    /// <summary>What every endpoint of the admin API shares: JSON, problem details, the description.</summary>
    public static IServiceCollection AddFleetApi(this IServiceCollection services)
    {
        services.AddProblemDetails();
        services.AddExceptionHandler<ProblemExceptionHandler>();
        services.AddApiDescription();
        // What cannot be bound is thrown, so that one place words it; otherwise it would be a bare 400.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(options =>
        {
            var json = options.SerializerOptions;
            json.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            json.NumberHandling = JsonNumberHandling.Strict;
            json.RespectNullableAnnotations = true;
            // Two members of one name mean one thing to one reader and another to the next.
            json.AllowDuplicateProperties = false;
            RequestText.Demand(json);
            json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        });
        return services;
    }

    /// <summary>Around everything that answers: headers, and problem details for whatever was thrown or left without a body.</summary>
    public static IApplicationBuilder UseFleetApi(this IApplicationBuilder app) => app
        .UseSecurityHeaders()
        .UseExceptionHandler()
        .UseStatusCodePages(context => BadRequests.OfStatus(context.HttpContext.Response.StatusCode).ExecuteAsync(context.HttpContext))
        .UseStorableQuery();
}

/// <summary>Headers of every answer (spec/security.md, 6.1).</summary>
internal static class SecurityHeaders
{
    /// <summary>Nothing is loaded from anywhere and nobody frames a page. A console will widen this for its own pages alone.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static IApplicationBuilder UseSecurityHeaders(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "publickey-credentials-get=(self), publickey-credentials-create=(self)";
        if (context.Request.IsHttps) headers.StrictTransportSecurity = "max-age=31536000";
        return next(context);
    });
}
