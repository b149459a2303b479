using Fleet.Gateway.Sessions;
using Fleet.Silo.Api;
using Fleet.Silo.Hosting;
using Microsoft.AspNetCore.Authentication;

namespace Fleet.Silo.Tokens;

internal static class TokenServices
{
    public static IServiceCollection AddFleetTokens(this IServiceCollection services)
    {
        services.AddSingleton(s => AdminToken.LoadOrMake(s.GetRequiredService<DataDirectory>()));
        services.AddSingleton<IPasswordAuthenticator, TokenPasswords>();
        services.AddAuthentication(BearerAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, BearerAuthentication>(BearerAuthentication.SchemeName, null);
        services.AddAuthorizationBuilder()
            .AddPolicy(Roles.Viewer, p => p.RequireRole(Roles.Viewer, Roles.Operator, Roles.Publisher, Roles.Admin))
            .AddPolicy(Roles.Operator, p => p.RequireRole(Roles.Operator, Roles.Admin))
            .AddPolicy(Roles.Publisher, p => p.RequireRole(Roles.Publisher, Roles.Admin))
            .AddPolicy(Roles.Admin, p => p.RequireRole(Roles.Admin));
        return services;
    }
}
