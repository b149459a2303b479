using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Downloads;

/// <summary>A request for a file as it came: nothing in it is believed yet.</summary>
internal sealed record DownloadRequest(string Thing, string Stream, string FileId, string Expires, string Signature);

/// <summary>
/// Signed download URLs: <c>{base}/files/{thing}/{stream}/{fileId}?expires={unix seconds}&amp;signature={hex}</c>, HMAC-SHA256 over all of
/// these. The same execution always gets the same URL: AWS' device client takes another one for another job (spec/aws-iot-topics.md, 2.6).
/// </summary>
internal sealed class DownloadUrls(IDownloadKey key, PublicAddress address)
{
    public string Sign(ThingName thing, StreamId stream, int fileId, DateTimeOffset until)
    {
        string file = fileId.ToString(CultureInfo.InvariantCulture);
        string expires = until.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        string signature = Signature(thing.Value, stream.Value, file, expires);
        return $"{address.Url}/files/{thing}/{stream}/{file}?expires={expires}&signature={signature}";
    }

    public bool IsGenuine(DownloadRequest request)
    {
        byte[] expected = Encoding.ASCII.GetBytes(Signature(request.Thing, request.Stream, request.FileId, request.Expires));
        return CryptographicOperations.FixedTimeEquals(expected, Encoding.UTF8.GetBytes(request.Signature));
    }

    /// <summary>Of a genuine request.</summary>
    public static bool IsExpired(DownloadRequest request, DateTimeOffset now) =>
        !long.TryParse(request.Expires, NumberStyles.None, CultureInfo.InvariantCulture, out long expires)
            || now.ToUnixTimeSeconds() >= expires;

    private string Signature(string thing, string stream, string file, string expires) => Convert.ToHexStringLower(
        HMACSHA256.HashData(key.Key, Encoding.UTF8.GetBytes($"fleet-download-v1\n{thing}\n{stream}\n{file}\n{expires}")));
}
