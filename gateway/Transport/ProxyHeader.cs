using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fleet.Gateway.Transport;

/// <summary>
/// What a load balancer writes before the client's first byte, to say who the client is: the PROXY protocol, versions 1 and 2 (HAProxy,
/// doc/proxy-protocol.txt). Where it is expected it must be there: a receiver that guessed could be told any address.
/// </summary>
internal abstract record ProxyHeader
{
    /// <summary>Longest header that is read, in bytes: version 2 may carry extensions, which are skipped.</summary>
    public const int MaxBytes = 4_096;

    private const int MaxV1Bytes = 107, V2PrefixBytes = 16;

    private ProxyHeader() { }

    /// <summary>All bytes so far may be the beginning of one.</summary>
    public sealed record Incomplete : ProxyHeader;

    /// <param name="Fault">What was wrong, and what was expected.</param>
    public sealed record Malformed(string Fault) : ProxyHeader;

    /// <param name="Length">Bytes that the header takes.</param>
    /// <param name="Source">
    /// The client; null if the balancer speaks for itself (a health check) or does not know: the connection's own address stands.
    /// </param>
    public sealed record Complete(int Length, IPEndPoint? Source) : ProxyHeader;

    private static ReadOnlySpan<byte> V1Signature => "PROXY "u8;
    private static ReadOnlySpan<byte> V2Signature => [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    /// <param name="bytes">What has come so far, from the first byte of the connection.</param>
    public static ProxyHeader Read(ReadOnlySpan<byte> bytes)
    {
        if (StartsLike(bytes, V2Signature)) return bytes.Length < V2PrefixBytes ? new Incomplete() : ReadV2(bytes);
        if (StartsLike(bytes, V1Signature)) return ReadV1(bytes);
        return new Malformed("The connection does not begin with a PROXY protocol header.");
    }

    private static bool StartsLike(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> signature)
    {
        int length = Math.Min(bytes.Length, signature.Length);
        return bytes[..length].SequenceEqual(signature[..length]);
    }

    private static ProxyHeader ReadV1(ReadOnlySpan<byte> bytes)
    {
        int end = bytes[..Math.Min(bytes.Length, MaxV1Bytes)].IndexOf("\r\n"u8);
        if (end < 0 && bytes.Length < MaxV1Bytes) return new Incomplete();
        if (end < 0) return new Malformed($"A version 1 header ends with CR LF within {MaxV1Bytes} bytes.");
        int length = end + 2;
        string line = Encoding.ASCII.GetString(bytes[..end]);
        if (line == "PROXY UNKNOWN" || line.StartsWith("PROXY UNKNOWN ", StringComparison.Ordinal)) return new Complete(length, null);
        var family = line.StartsWith("PROXY TCP4 ", StringComparison.Ordinal) ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
        return line.Split(' ') is ["PROXY", "TCP4" or "TCP6", var source, _, var port, _]
            && IPAddress.TryParse(source, out var address) && address.AddressFamily == family
            && ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number)
                ? new Complete(length, new IPEndPoint(address, number))
                : new Malformed("A version 1 header is \"PROXY TCP4|TCP6 source destination port port\".");
    }

    private static ProxyHeader ReadV2(ReadOnlySpan<byte> bytes)
    {
        int body = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]), length = V2PrefixBytes + body;
        if (bytes[12] is not (0x20 or 0x21)) return new Malformed($"Version and command are 0x20 or 0x21, not 0x{bytes[12]:X2}.");
        if (length > MaxBytes) return new Malformed($"A header of {length} bytes is over the limit of {MaxBytes}.");
        if (bytes.Length < length) return new Incomplete();
        bool isLocal = bytes[12] == 0x20;
        int addressBytes = isLocal ? 0 : bytes[13] switch { 0x11 => 4, 0x21 => 16, _ => 0 };
        if (addressBytes == 0) return new Complete(length, null);
        if (body < (addressBytes * 2) + 4) return new Malformed($"{body} bytes are too few for two addresses and ports.");
        var addresses = bytes[V2PrefixBytes..];
        return new Complete(length, new IPEndPoint(
            new IPAddress(addresses[..addressBytes]), BinaryPrimitives.ReadUInt16BigEndian(addresses[(addressBytes * 2)..])));
    }
}
