using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>
/// What proves to a receiver that a request is ours and new: <c>Fleet-Signature: t=&lt;unix seconds&gt;,v1=&lt;hex&gt;</c>, where v1 is the
/// HMAC-SHA256 under the rule's secret (its UTF-8 bytes) of t, a full stop, and the body as it was sent. The form is Stripe's, for which
/// verifiers are everywhere.
/// </summary>
internal static class RuleSignature
{
    public const string Header = "Fleet-Signature";

    public static string Of(RuleSecret secret, DateTimeOffset now, ReadOnlySpan<byte> body)
    {
        string time = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret.Value));
        hmac.AppendData(Encoding.UTF8.GetBytes(time));
        hmac.AppendData("."u8);
        hmac.AppendData(body);
        return $"t={time},v1={Convert.ToHexStringLower(hmac.GetHashAndReset())}";
    }
}
