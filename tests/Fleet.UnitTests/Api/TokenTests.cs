using System.Text;
using System.Text.Json.Nodes;
using Fleet.Silo;
using Fleet.Silo.Api;
using Fleet.Silo.Files;
using Fleet.Silo.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.UnitTests.Api;

public sealed class TokenTests : IDisposable
{
    private readonly DataDirectory _data = DataDirectory.Open(Directory.CreateTempSubdirectory("fleet-token-").FullName);

    public void Dispose()
    {
        _data.Dispose();
        Directory.Delete(_data.Path, recursive: true);
    }

    [Fact]
    public void The_first_start_makes_a_token_for_its_owner_alone_and_later_ones_keep_it()
    {
        string file = AdminToken.LoadOrMake(_data.File(AdminToken.FileName)).File;
        string token = File.ReadAllText(file).Trim();
        Assert.Equal(43, token.Length);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.True(AdminToken.LoadOrMake(_data.File(AdminToken.FileName)).Matches(Encoding.ASCII.GetBytes(token)));
        Assert.Equal(token, File.ReadAllText(file).Trim());
    }

    [Theory]
    [InlineData("")]
    [InlineData("short\n")]
    public void A_file_without_a_token_is_refused_rather_than_taken_as_an_easy_one(string content)
    {
        File.WriteAllText(_data.File(AdminToken.FileName), content);
        Assert.Throws<StartupException>(() => AdminToken.LoadOrMake(_data.File(AdminToken.FileName)));
    }

    [Fact]
    public async Task The_token_opens_and_every_other_does_not()
    {
        string token = Token();
        Assert.True((await Authenticate($"Bearer {token}")).Succeeded);
        Assert.True((await Authenticate($"bearer  {token} ")).Succeeded);
        foreach (string wrong in (string[])[token[..^1], token + "x", "", token.ToUpperInvariant() + "A", new string('A', 43)])
            Assert.False((await Authenticate($"Bearer {wrong}")).Succeeded, wrong);
        Assert.False((await Authenticate($"Basic {token}")).Succeeded);
        Assert.True((await Authenticate(null)).None);
    }

    [Fact]
    public async Task The_token_is_the_password_of_an_mqtt_client_of_any_name()
    {
        var passwords = new TokenPasswords(AdminToken.LoadOrMake(_data.File(AdminToken.FileName)));
        Assert.Equal("admin", await passwords.Authenticate("anybody", Encoding.ASCII.GetBytes(Token()), default));
        Assert.Null(await passwords.Authenticate("admin", "admin"u8.ToArray(), default));
        Assert.Null(await passwords.Authenticate("", ReadOnlyMemory<byte>.Empty, default));
    }

    [Theory]
    [InlineData(null, "Bearer realm=\"fleet\"")]
    [InlineData("Bearer wrong", "Bearer realm=\"fleet\", error=\"invalid_token\"")]
    public async Task A_challenge_is_a_problem_that_says_how_to_come_in(string? header, string challenge)
    {
        var context = Request(header);
        await context.ChallengeAsync();
        Assert.Equal(401, context.Response.StatusCode);
        Assert.Equal(challenge, context.Response.Headers.WWWAuthenticate);
        Assert.Equal("urn:fleet:error:unauthenticated", (string?)Body(context)["type"]);
    }

    [Fact]
    public async Task A_role_that_is_not_enough_is_a_problem_too()
    {
        var context = Request(null);
        await context.ForbidAsync();
        Assert.Equal(403, context.Response.StatusCode);
        Assert.Contains("insufficient_scope", context.Response.Headers.WWWAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Equal("urn:fleet:error:forbidden", (string?)Body(context)["type"]);
    }

    [Theory]
    [InlineData(Roles.Viewer, "viewer")]
    [InlineData(Roles.Operator, "viewer operator")]
    [InlineData(Roles.Publisher, "viewer publisher")]
    [InlineData(Roles.Admin, "viewer operator publisher admin")]
    public async Task A_role_may_do_what_it_includes(string role, string allowed)
    {
        var user = new System.Security.Claims.ClaimsPrincipal(new System.Security.Claims.ClaimsIdentity(
            [new(System.Security.Claims.ClaimTypes.Role, role)], BearerAuthentication.SchemeName));
        var authorization = Services().GetRequiredService<IAuthorizationService>();
        List<string> granted = [];
        foreach (string policy in (string[])[Roles.Viewer, Roles.Operator, Roles.Publisher, Roles.Admin])
            if ((await authorization.AuthorizeAsync(user, policy)).Succeeded) granted.Add(policy);
        Assert.Equal(allowed, string.Join(' ', granted));
    }

    private string Token() => File.ReadAllText(AdminToken.LoadOrMake(_data.File(AdminToken.FileName)).File).Trim();

    private async Task<AuthenticateResult> Authenticate(string? header) => await Request(header).AuthenticateAsync();

    private DefaultHttpContext Request(string? authorization)
    {
        var context = new DefaultHttpContext { RequestServices = Services() };
        context.Response.Body = new MemoryStream();
        if (authorization is not null) context.Request.Headers.Authorization = authorization;
        return context;
    }

    private ServiceProvider Services() => new ServiceCollection()
        .AddSingleton(SharedDirectory.Open(null, _data)).AddLogging().AddProblemDetails().AddFleetTokens().BuildServiceProvider();

    private static JsonNode Body(HttpContext context)
    {
        Assert.Equal("application/problem+json", context.Response.ContentType);
        context.Response.Body.Position = 0;
        return JsonNode.Parse(context.Response.Body)!;
    }
}
