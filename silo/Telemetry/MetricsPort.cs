using Fleet.Silo.Api;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;

namespace Fleet.Silo.Telemetry;

/// <summary>All that the metrics port answers; nothing else of the service is there.</summary>
internal static class MetricsPort
{
    /// <summary>Marks the connections of the metrics port's listener, which <see cref="UseMetricsPort"/> knows them by.</summary>
    public static void AnswerMetricsAlone(this ListenOptions listen) => listen.Use(next => connection =>
    {
        connection.Features.Set(Mark.Instance);
        return next(connection);
    });

    public static IApplicationBuilder UseMetricsPort(this IApplicationBuilder app) => app.MapWhen(IsMarked, port =>
    {
        port.Use(GetOrHead);
        port.UseOpenTelemetryPrometheusScrapingEndpoint(
            null, context => context.Request.Path == "/metrics", null, page => page.Use(VaryByAccept), optionsName: null);
        port.UseHealth();
        port.Run(context => BadRequests.OfStatus(StatusCodes.Status404NotFound).ExecuteAsync(context));
    });

    private static Task GetOrHead(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)) return next(context);
        context.Response.Headers.Allow = "GET, HEAD";
        return BadRequests.OfStatus(StatusCodes.Status405MethodNotAllowed).ExecuteAsync(context);
    }

    // The text format, or OpenMetrics for those who ask for it; the exporter forgets to say that it depends.
    private static Task VaryByAccept(HttpContext context, RequestDelegate next)
    {
        context.Response.Headers.AppendCommaSeparatedValues(HeaderNames.Vary, HeaderNames.Accept);
        return next(context);
    }

    private static bool IsMarked(HttpContext context) => context.Features.Get<Mark>() is not null;

    internal sealed class Mark
    {
        public static Mark Instance { get; } = new();
    }
}
