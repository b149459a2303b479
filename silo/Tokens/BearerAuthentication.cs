using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using Fleet.Silo.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Fleet.Silo.Tokens;

/// <summary><c>Authorization: Bearer &lt;token&gt;</c> (RFC 6750) for programs. What is refused is answered with problem details.</summary>
internal sealed class BearerAuthentication(
    AdminToken admin, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "Bearer";

    private const string Prefix = SchemeName + " ";
    private const string Challenge = "Bearer realm=\"fleet\"";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        string? header = Request.Headers.Authorization;
        if (header is null || !header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)) return Task.FromResult(AuthenticateResult.NoResult());
        return Task.FromResult(admin.Matches(Encoding.UTF8.GetBytes(header[Prefix.Length..].Trim()))
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(AdminToken.Identity(SchemeName)), SchemeName))
            : AuthenticateResult.Fail("The token is not known."));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        bool refused = (await HandleAuthenticateOnceSafeAsync()).Failure is not null;
        Response.Headers[HeaderNames.WWWAuthenticate] = refused ? $"{Challenge}, error=\"invalid_token\"" : Challenge;
        await Problems.Of(
            StatusCodes.Status401Unauthorized, "unauthenticated",
            refused ? "The token is not good." : "A token is needed.", "Send it as 'Authorization: Bearer <token>'.").ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        Response.Headers[HeaderNames.WWWAuthenticate] = $"{Challenge}, error=\"insufficient_scope\"";
        return Problems.Of(StatusCodes.Status403Forbidden, "forbidden", "The token's role does not allow this.").ExecuteAsync(Context);
    }
}
