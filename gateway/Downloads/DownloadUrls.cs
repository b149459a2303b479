using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Downloads;

/// <summary>
/// Signed URLs: <c>/files/{thing}/{stream}/{fileId}?expires={epoch seconds}&amp;signature={hex}</c>. The signature is HMAC-SHA256 over
/// path and expiry, so the same execution always gets the same URL (spec/aws-iot-topics.md, 2.6).
/// </summary>
internal sealed class DownloadUrls(IDownloadKey key, PublicAddress address)
{
    public string Sign(ThingName thing, StreamId stream, int fileId, DateTimeOffset until)
    {
        string path = Path(thing.Value, stream.Value, fileId);
        long expires = until.ToUnixTimeSeconds();
        return string.Create(CultureInfo.InvariantCulture, $"{address.Url.GetLeftPart(UriPartial.Authority)}{path}?expires={expires}&signature={Convert.ToHexStringLower(Signature(path, expires))}");
    }

    public DownloadUrlCheck Check(string thing, string stream, int fileId, string? expires, string? signature, DateTimeOffset now)
    {
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out long until)) return DownloadUrlCheck.Invalid;
        byte[] expected = Signature(Path(thing, stream, fileId), until);
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        bool whole = signature is not null && signature.Length == 2 * given.Length
            && Convert.FromHexString(signature, given, out _, out _) == System.Buffers.OperationStatus.Done;
        if (!whole || !CryptographicOperations.FixedTimeEquals(expected, given)) return DownloadUrlCheck.Invalid;
        return now.ToUnixTimeSeconds() > until ? DownloadUrlCheck.Expired : DownloadUrlCheck.Valid;
    }

    private static string Path(string thing, string stream, int fileId) =>
        string.Create(CultureInfo.InvariantCulture, $"/files/{thing}/{stream}/{fileId}");

    private byte[] Signature(string path, long expires) =>
        HMACSHA256.HashData(key.Key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{path}\n{expires}")));
}

internal enum DownloadUrlCheck { Valid, Invalid, Expired }
