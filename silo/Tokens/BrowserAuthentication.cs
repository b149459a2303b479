using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using Fleet.Silo.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Fleet.Silo.Tokens;

/// <summary>
/// The admin token as the password of HTTP Basic (RFC 7617, any user name), which a browser can ask for. Only for pages that change nothing: a
/// browser sends it along with whatever other sites make it request.
/// </summary>
internal sealed class BrowserAuthentication(
    AdminToken admin, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "Basic";

    private const string Prefix = SchemeName + " ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        string? header = Request.Headers.Authorization;
        if (header is null || !header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)) return Task.FromResult(AuthenticateResult.NoResult());
        return Task.FromResult(PasswordIn(header[Prefix.Length..]) is { } password && admin.Matches(password)
            ? AuthenticateResult.Success(new(new ClaimsPrincipal(AdminToken.Identity(SchemeName)), SchemeName))
            : AuthenticateResult.Fail("The password is not the admin token."));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers[HeaderNames.WWWAuthenticate] = "Basic realm=\"fleet\", charset=\"UTF-8\"";
        return Problems.Of(
            StatusCodes.Status401Unauthorized, "unauthenticated", "A token is needed.", "Give the admin token as the password.").ExecuteAsync(Context);
    }

    /// <summary>Null if the credentials are not base64 of <c>user:password</c>.</summary>
    private static byte[]? PasswordIn(string credentials)
    {
        var bytes = new byte[credentials.Length];
        if (!Convert.TryFromBase64String(credentials.Trim(), bytes, out int length)) return null;
        int colon = bytes.AsSpan(0, length).IndexOf((byte)':');
        return colon < 0 ? null : bytes[(colon + 1)..length];
    }
}
