using Fleet.Silo.Api;
using Fleet.Silo.Hosting;

namespace Fleet.Silo.Telemetry;

/// <summary>All that the metrics port answers; nothing else of the service is there.</summary>
internal static class MetricsPort
{
    public static IApplicationBuilder UseMetricsPort(this IApplicationBuilder app) => app.MapWhen(MetricsListener.Accepted, port =>
    {
        port.Use(GetOrHead);
        port.UseHealth();
        port.Run(context => context.Request.Path == "/metrics"
            ? MetricsEndpoint.Write(context)
            : BadRequests.OfStatus(StatusCodes.Status404NotFound).ExecuteAsync(context));
    });

    private static Task GetOrHead(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)) return next(context);
        context.Response.Headers.Allow = "GET, HEAD";
        return BadRequests.OfStatus(StatusCodes.Status405MethodNotAllowed).ExecuteAsync(context);
    }
}
