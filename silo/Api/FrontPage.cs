namespace Fleet.Silo.Api;

/// <summary><c>GET /</c>: says what answers here, until a console does.</summary>
internal static class FrontPage
{
    private const string Html =
        """
        <!doctype html>
        <html lang="en">
        <title>Fleet</title>
        <h1>Fleet</h1>
        <p>Lets devices in, delivers their firmware in stages, and knows what runs where.</p>
        <ul>
        <li><a href="/openapi/v1.json">The admin API</a>, under <code>/api/v1</code>; send <code>Authorization: Bearer</code>
        and a token, such as the one in <code>data/admin.token</code>.</li>
        <li><a href="/readyz">Readiness</a> and <a href="/healthz">liveness</a>; metrics are on a port of their own.</li>
        </ul>
        </html>
        """;

    public static void MapFrontPage(this IEndpointRouteBuilder app) =>
        app.MapGet("/", () => TypedResults.Text(Html, "text/html; charset=utf-8")).ExcludeFromDescription();
}
