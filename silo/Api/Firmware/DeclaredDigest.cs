using System.Diagnostics.CodeAnalysis;

namespace Fleet.Silo.Api.Firmware;

/// <summary>
/// The SHA-256 that an upload says it has: <c>?sha256=</c> in hex, or <c>Content-Digest: sha-256=:base64:</c> (RFC 9530).
/// </summary>
/// <param name="Field">Which of the two said so.</param>
/// <param name="Sha256">64 lower-case hex digits.</param>
internal sealed record DeclaredDigest(string Field, string Sha256)
{
    public const string Parameter = "sha256";
    public const string Header = "Content-Digest";

    /// <summary>All that are declared: usually none or one. False if one of them is malformed.</summary>
    public static bool TryRead(HttpRequest request, out ImmutableArray<DeclaredDigest> digests, [NotNullWhen(false)] out string? badField)
    {
        digests = [];
        badField = null;
        if (request.Query[Parameter].ToString() is { Length: > 0 } hex)
        {
            if (hex.Length != 64 || !hex.All(char.IsAsciiHexDigit))
            {
                badField = Parameter;
                return false;
            }
            digests = digests.Add(new(Parameter, hex.ToLowerInvariant()));
        }
        if (Member(request.Headers[Header].ToString()) is { } value)
        {
            if (Sha256In(value) is not { } sha256)
            {
                badField = Header;
                return false;
            }
            digests = digests.Add(new(Header, sha256));
        }
        return true;
    }

    /// <summary>
    /// The value of the member sha-256 in a dictionary of byte sequences (RFC 9651, 3.2); of several the last counts. Other algorithms are
    /// left alone, as RFC 9530 has it.
    /// </summary>
    private static string? Member(string dictionary)
    {
        string? found = null;
        foreach (var member in dictionary.Split(',', StringSplitOptions.TrimEntries))
        {
            int equals = member.IndexOf('=');
            if (member[..(equals < 0 ? member.Length : equals)] == "sha-256") found = equals < 0 ? "" : member[(equals + 1)..];
        }
        return found;
    }

    private static string? Sha256In(string value)
    {
        int end = value.IndexOf(':', Math.Min(1, value.Length));
        if (end < 0 || value[0] != ':') return null;
        Span<byte> digest = stackalloc byte[33];
        return Convert.TryFromBase64String(value[1..end], digest, out int length) && length == 32
            ? Convert.ToHexStringLower(digest[..32]) : null;
    }
}
