using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Fleet.Silo.Telemetry;

/// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: it can do its work. Both on the metrics port and on HTTP.</summary>
internal static class Health
{
    /// <summary>
    /// How long a check may take before it is cancelled and counts as failed. The storage's gives up after 5 s, and a second one waits for
    /// the first before it begins.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly HealthCheckOptions Live = new()
    {
        Predicate = _ => false,
        ResponseWriter = (context, _) => Write(context, new("ok", null)),
    };

    private static readonly HealthCheckOptions Ready = new() { ResponseWriter = (context, report) => Write(context, Of(report)) };

    /// <summary>Adds a line of <c>/readyz</c>. A process has those of what it does.</summary>
    /// <param name="name">One word.</param>
    public static IServiceCollection AddReadiness<T>(this IServiceCollection services, string name) where T : class, IHealthCheck =>
        services.AddHealthChecks().AddCheck<T>(name, timeout: Patience).Services;

    /// <summary>As middleware, where nothing is routed.</summary>
    public static void UseHealth(this IApplicationBuilder app) => app.UseHealthChecks("/healthz", Live).UseHealthChecks("/readyz", Ready);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        var readers = new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]);
        app.MapHealthChecks("/healthz", Live).WithMetadata(readers);
        app.MapHealthChecks("/readyz", Ready).WithMetadata(readers);
    }

    private static Answer Of(HealthReport report)
    {
        var checks = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, check) in report.Entries)
            checks.Add(name, check.Status is HealthStatus.Healthy ? "ok" : check.Description ?? "failed");
        return new(report.Status is HealthStatus.Healthy ? "ok" : "unavailable", checks);
    }

    private static Task Write(HttpContext context, Answer answer) => context.Response.WriteAsJsonAsync(answer, context.RequestAborted);

    /// <param name="Status">ok or unavailable.</param>
    /// <param name="Checks">By what was checked: ok, or what is wrong.</param>
    private sealed record Answer(string Status, IReadOnlyDictionary<string, string>? Checks);
}
