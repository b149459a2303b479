using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

/// <summary>
/// What proves, once, that a certificate's holder asked for it: <c>{certificate id}.{secret}</c>, so that the token itself says which
/// certificate it belongs to. To devices it is opaque.
/// </summary>
internal static class OwnershipToken
{
    /// <summary>Bytes of secret that <see cref="Of"/> wants.</summary>
    public const int SecretBytes = 32;

    public static string Of(CertificateId certificate, ReadOnlySpan<byte> secret) => $"{certificate}.{Base64Url.EncodeToString(secret)}";

    /// <summary>Which certificate a token claims to own; nothing is proved by it.</summary>
    public static bool TryReadCertificate(string token, out CertificateId certificate)
    {
        int dot = token.IndexOf('.');
        return CertificateId.TryParse(dot < 0 ? null : token[..dot], out certificate);
    }

    /// <summary>What is kept of a token: 64 lower-case hex digits.</summary>
    public static string Sha256Of(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
