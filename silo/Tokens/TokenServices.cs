using System.Text.Encodings.Web;
using Fleet.Gateway.Auth;
using Fleet.Silo.Api;
using Fleet.Silo.Files;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Fleet.Silo.Tokens;

internal static class TokenServices
{
    public static IServiceCollection AddFleetTokens(this IServiceCollection services)
    {
        services.AddSingleton(s => AdminToken.LoadOrMake(s.GetRequiredService<SharedDirectory>().File(AdminToken.FileName)));
        services.AddSingleton<IPasswordAuthenticator, TokenPasswords>();
        // The core alone: AddAuthentication would add data protection, whose keys nothing here needs, and make one at the first start.
        services.AddAuthenticationCore(options =>
        {
            options.DefaultScheme = BearerAuthentication.SchemeName;
            options.AddScheme<BearerAuthentication>(BearerAuthentication.SchemeName, displayName: null);
            options.AddScheme<BrowserAuthentication>(BrowserAuthentication.SchemeName, displayName: null);
        });
        services.TryAddTransient<BearerAuthentication>();
        services.TryAddTransient<BrowserAuthentication>();
        services.TryAddSingleton(UrlEncoder.Default);
        services.AddAuthorizationBuilder()
            .AddPolicy(Roles.Viewer, p => p.RequireRole(Roles.Viewer, Roles.Operator, Roles.Publisher, Roles.Admin))
            .AddPolicy(Roles.Operator, p => p.RequireRole(Roles.Operator, Roles.Admin))
            .AddPolicy(Roles.Publisher, p => p.RequireRole(Roles.Publisher, Roles.Admin))
            .AddPolicy(Roles.Admin, p => p.RequireRole(Roles.Admin));
        return services;
    }

    /// <summary>What a gateway of its own needs of them: it checks passwords, and makes no token.</summary>
    public static IServiceCollection AddFleetPasswords(this IServiceCollection services)
    {
        services.AddSingleton(s => AdminToken.Load(s.GetRequiredService<SharedDirectory>().File(AdminToken.FileName)));
        services.AddSingleton<IPasswordAuthenticator, TokenPasswords>();
        return services;
    }
}
