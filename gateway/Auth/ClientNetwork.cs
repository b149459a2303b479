using System.Net;
using System.Net.Sockets;

namespace Fleet.Gateway.Auth;

/// <summary>Whom an address stands for when connections are counted.</summary>
internal static class ClientNetwork
{
    /// <summary>IPv6 gives every host a /64 of addresses: they are one. A mapped IPv4 address is that address.</summary>
    public static IPAddress Of(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }
}
