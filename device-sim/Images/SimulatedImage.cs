using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Images;

/// <summary>
/// How a simulated firmware image begins: the line <c>FLEET-IMAGE</c>, then one line of JSON,
/// <c>{"version":"1.1.0","health":"ok"}</c>; what follows is payload. A device that boots it runs that version and has that health.
/// Any other bytes are an image too: the device believes the manifest's version, and is healthy.
/// </summary>
/// <param name="Health">"ok", or anything else for an image that is bad in itself.</param>
internal sealed record SimulatedImage(string Version, string Health)
{
    public const string Healthy = "ok";

    /// <summary>Longest header, in bytes: magic, JSON and both line ends.</summary>
    private const int MaxHeaderBytes = 512;

    private static ReadOnlySpan<byte> Magic => "FLEET-IMAGE\n"u8;

    /// <summary>The header of the image in <paramref name="path"/>; null if it has none.</summary>
    public static SimulatedImage? ReadHeader(string path)
    {
        Span<byte> start = stackalloc byte[MaxHeaderBytes];
        using var file = File.OpenHandle(path);
        return Parse(start[..RandomAccess.Read(file, start, 0)]);
    }

    public static SimulatedImage? Parse(ReadOnlySpan<byte> start)
    {
        if (!start.StartsWith(Magic)) return null;
        var rest = start[Magic.Length..];
        int end = rest.IndexOf((byte)'\n');
        if (end < 0) return null;
        try
        {
            var header = JsonSerializer.Deserialize(rest[..end], SimulatedImageJson.Default.SimulatedImage);
            return header is { Version.Length: > 0, Health.Length: > 0 } ? header : null;
        }
        catch (JsonException)
        {
            return null;    // bytes that merely look like ours are an image without a header
        }
    }

    public byte[] Header() =>
        [.. Magic, .. JsonSerializer.SerializeToUtf8Bytes(this, SimulatedImageJson.Default.SimulatedImage), (byte)'\n'];

    /// <summary>
    /// Writes header and payload; the payload follows from version and size alone, so that the same command makes the same file.
    /// </summary>
    /// <param name="sizeBytes">Of the whole image; the header's length at least.</param>
    public async Task WriteAsync(Stream output, long sizeBytes, CancellationToken cancellation)
    {
        var header = Header();
        if (sizeBytes < header.Length)
            throw new ArgumentOutOfRangeException(nameof(sizeBytes), sizeBytes, $"The header alone takes {header.Length} bytes.");
        await output.WriteAsync(header, cancellation);
        var payload = new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes($"{Version}/{sizeBytes}"))));
        var block = new byte[64 * 1024];
        for (long left = sizeBytes - header.Length; left > 0; left -= block.Length)
        {
            payload.NextBytes(block);
            await output.WriteAsync(block.AsMemory(0, (int)Math.Min(left, block.Length)), cancellation);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SimulatedImage))]
internal sealed partial class SimulatedImageJson : JsonSerializerContext;
