using System.Buffers.Text;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Fleet.Gateway.Auth;
using Fleet.Silo.Api;
using Fleet.Silo.Files;

namespace Fleet.Silo.Tokens;

/// <summary>
/// The token that may do everything: 256 random bits in base64url, made at the first start and kept in
/// <c>admin.token</c> for its owner alone.
/// </summary>
internal sealed class AdminToken
{
    public const string FileName = "admin.token";

    private const int Bytes = 32;

    private readonly byte[] _sha256;

    private AdminToken(string token, string file) => (_sha256, File) = (SHA256.HashData(Encoding.ASCII.GetBytes(token)), file);

    /// <summary>Where the token stands.</summary>
    public string File { get; }

    /// <exception cref="StartupException">The file does not hold a token, or cannot be read or made.</exception>
    public static AdminToken LoadOrMake(string file)
    {
        try
        {
            if (!System.IO.File.Exists(file))
                AtomicFile.Write(
                    file, Encoding.ASCII.GetBytes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes)) + "\n"), secret: true);
            return Load(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The admin token cannot be kept in {file}: {e.Message}", e);
        }
    }

    /// <exception cref="StartupException">The file does not hold a token, or cannot be read.</exception>
    public static AdminToken Load(string file)
    {
        try
        {
            string token = System.IO.File.ReadAllText(file).Trim();
            return token.Length >= Base64Url.GetEncodedLength(Bytes)
                ? new(token, file)
                : throw new StartupException(
                    $"{file} holds no token. Put one of at least 43 characters into it, or delete it to get a new one.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The admin token in {file} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Who shows it.</summary>
    public static ClaimsIdentity Identity(string scheme) =>
        new([new(ClaimTypes.Name, Roles.Admin), new(ClaimTypes.Role, Roles.Admin)], scheme);

    /// <summary>Takes as long for a token that is nearly right as for one that is not.</summary>
    public bool Matches(ReadOnlySpan<byte> token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(token, hash);
        return CryptographicOperations.FixedTimeEquals(hash, _sha256);
    }
}

/// <summary>A token is also the password of an MQTT connection without a certificate; the user name may be anything.</summary>
internal sealed class TokenPasswords(AdminToken admin) : IPasswordAuthenticator
{
    public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) =>
        ValueTask.FromResult(admin.Matches(password.Span) ? Roles.Admin : null);
}
