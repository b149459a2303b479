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
            json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        });
        return services;
    }

    /// <summary>Around everything that answers: headers, and problem details for whatever was thrown or left without a body.</summary>
    public static IApplicationBuilder UseFleetApi(this IApplicationBuilder app) => app
        .UseSecurityHeaders()
        .UseExceptionHandler()
        .UseStatusCodePages(context => BadRequests.OfStatus(context.HttpContext.Response.StatusCode).ExecuteAsync(context.HttpContext));
}
