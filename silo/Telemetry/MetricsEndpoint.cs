using Microsoft.Net.Http.Headers;

namespace Fleet.Silo.Telemetry;

/// <summary><c>GET /metrics</c>: OpenMetrics for those who ask for it, the older text format for everybody else.</summary>
internal static class MetricsEndpoint
{
    public static async Task Write(HttpContext context)
    {
        bool openMetrics = PrefersOpenMetrics(context.Request.GetTypedHeaders().Accept);
        string text = context.RequestServices.GetRequiredService<PrometheusExporter>().Scrape(openMetrics);
        context.Response.ContentType = openMetrics ? PrometheusText.OpenMetricsContentType : PrometheusText.TextContentType;
        context.Response.Headers.Vary = HeaderNames.Accept;
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    private static bool PrefersOpenMetrics(IList<MediaTypeHeaderValue> accepted) =>
        Quality(accepted, "application/openmetrics-text") is var quality && quality > 0 && quality >= Quality(accepted, "text/plain");

    private static double Quality(IList<MediaTypeHeaderValue> accepted, string mediaType) =>
        accepted.Where(a => a.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase)).Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max();
}
