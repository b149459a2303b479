using Fleet.Gateway.Auth;
using Fleet.Silo.Api;

namespace Fleet.Silo.Tokens;

/// <summary>A token is also the password of an MQTT connection without a certificate; the user name may be anything.</summary>
internal sealed class TokenPasswords(AdminToken admin) : IPasswordAuthenticator
{
    public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) =>
        ValueTask.FromResult(admin.Matches(password.Span) ? Roles.Admin : null);
}
