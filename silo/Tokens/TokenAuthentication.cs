using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using Fleet.Silo.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Fleet.Silo.Tokens;

/// <summary>A token in the header <c>Authorization</c>, after the scheme's name.</summary>
internal abstract class TokenAuthentication(
    AdminToken admin, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    /// <returns>Null if there is no token in them.</returns>
    protected abstract byte[]? TokenIn(string credentials);

    private AuthenticateResult Authenticate()
    {
        string? header = Request.Headers.Authorization;
        string prefix = Scheme.Name + " ";
        if (header is null || !header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) return AuthenticateResult.NoResult();
        return TokenIn(header[prefix.Length..].Trim()) is { } token && admin.Matches(token)
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(AdminToken.Identity(Scheme.Name)), Scheme.Name))
            : AuthenticateResult.Fail("The token is not known.");
    }
}

/// <summary><c>Authorization: Bearer &lt;token&gt;</c> (RFC 6750) for programs. What is refused is answered with problem details.</summary>
internal sealed class BearerAuthentication(
    AdminToken admin, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : TokenAuthentication(admin, options, loggers, encoder)
{
    public const string SchemeName = "Bearer";

    private const string Challenge = "Bearer realm=\"fleet\"";

    protected override byte[] TokenIn(string credentials) => Encoding.UTF8.GetBytes(credentials);

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

/// <summary>
/// The admin token as the password of HTTP Basic (RFC 7617, any user name), which a browser can ask for. Only for pages that change
/// nothing: a browser sends it along with whatever other sites make it request.
/// </summary>
internal sealed class BrowserAuthentication(
    AdminToken admin, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : TokenAuthentication(admin, options, loggers, encoder)
{
    public const string SchemeName = "Basic";

    /// <summary>Null if the credentials are not base64 of <c>user:password</c>.</summary>
    protected override byte[]? TokenIn(string credentials)
    {
        var bytes = new byte[credentials.Length];
        if (!Convert.TryFromBase64String(credentials, bytes, out int length)) return null;
        int colon = bytes.AsSpan(0, length).IndexOf((byte)':');
        return colon < 0 ? null : bytes[(colon + 1)..length];
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers[HeaderNames.WWWAuthenticate] = "Basic realm=\"fleet\", charset=\"UTF-8\"";
        return Problems.Of(
            StatusCodes.Status401Unauthorized, "unauthenticated", "A token is needed.",
            "Give the admin token as the password.").ExecuteAsync(Context);
    }
}
