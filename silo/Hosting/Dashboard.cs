using Fleet.Silo.Api;
using Fleet.Silo.Tokens;
using Microsoft.AspNetCore.Authorization;
using Orleans.Dashboard;

namespace Fleet.Silo.Hosting;

/// <summary>
/// Orleans' own dashboard of grains and silos at <c>/orleans</c>, for who looks into the service itself. Off unless
/// <c>Fleet:Dashboard:Enabled</c> is set: it measures every call of a grain.
/// </summary>
internal static class Dashboard
{
    private const string Path = "/orleans";

    /// <summary>Its page runs a script of its own and sets styles in its elements.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; font-src 'self' data:; "
        + "img-src 'self' data:; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static bool IsWanted(IConfiguration configuration) => ProcessIdentity.IsSet(configuration, "Fleet:Dashboard:Enabled");

    public static void MapDashboard(this WebApplication app)
    {
        if (!IsWanted(app.Configuration)) return;
        app.MapOrleansDashboard(Path)
            .RequireAuthorization(new AuthorizeAttribute(Roles.Admin) { AuthenticationSchemes = BrowserAuthentication.SchemeName })
            .ExcludeFromDescription()
            .AddEndpointFilter((call, next) =>
            {
                call.HttpContext.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
                return next(call);
            });
    }
}
