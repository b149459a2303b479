namespace Fleet.Silo.Telemetry;

/// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: it can do its work. Both on the metrics port and on HTTP.</summary>
internal static class HealthEndpoints
{
    public static Task WriteHealth(HttpContext context) => TypedResults.Ok(new Health("ok", null)).ExecuteAsync(context);

    public static async Task WriteReadiness(HttpContext context)
    {
        var checks = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var check in context.RequestServices.GetServices<IReadinessCheck>())
            checks.Add(check.Name, await check.Check(context.RequestAborted) ?? "ok");
        bool ready = checks.Values.All(check => check == "ok");
        var answer = new Health(ready ? "ok" : "unavailable", checks);
        await TypedResults.Json(answer, statusCode: ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable).ExecuteAsync(context);
    }

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/healthz", WriteHealth).ExcludeFromDescription();
        app.MapGet("/readyz", WriteReadiness).ExcludeFromDescription();
    }

    /// <param name="Status">ok or unavailable.</param>
    /// <param name="Checks">By what was checked: ok, or what is wrong.</param>
    private sealed record Health(string Status, IReadOnlyDictionary<string, string>? Checks);
}
