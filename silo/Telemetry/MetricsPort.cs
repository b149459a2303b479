using Fleet.Silo.Api;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Telemetry;

/// <summary>All that the metrics port answers; nothing else of the service is there.</summary>
internal static class MetricsPort
{
    public static IApplicationBuilder UseMetricsPort(this IApplicationBuilder app) =>
        app.MapWhen(MetricsListener.Accepted, port => port.Run(context =>
        {
            if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            {
                context.Response.Headers.Allow = "GET, HEAD";
                return BadRequests.OfStatus(StatusCodes.Status405MethodNotAllowed).ExecuteAsync(context);
            }
            return context.Request.Path.Value switch
            {
                "/metrics" => MetricsEndpoint.Write(context),
                "/healthz" => HealthEndpoints.WriteHealth(context),
                "/readyz" => HealthEndpoints.WriteReadiness(context),
                _ => BadRequests.OfStatus(StatusCodes.Status404NotFound).ExecuteAsync(context),
            };
        }));
}
