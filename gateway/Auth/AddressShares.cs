using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Fleet.Gateway.Auth;

/// <summary>
/// How many of the connections that are let in each address has. While there is plenty, an address may take what it likes: a whole site can
/// stand behind one. When it runs short, an address that has more than an even share waits for the others; the last tenth is for those that
/// have less than that, so that nobody takes all of it. Immutable.
/// </summary>
internal sealed class AddressShares
{
    public static readonly AddressShares None = new(ImmutableDictionary<IPAddress, int>.Empty, 0);

    private const double Plenty = 0.5, Reserve = 0.1;

    private readonly ImmutableDictionary<IPAddress, int> _shares;

    private AddressShares(ImmutableDictionary<IPAddress, int> shares, int all) => (_shares, All) = (shares, all);

    public int All { get; }

    /// <param name="left">What will be left when this one is let in, 0 to 1.</param>
    public bool Allows(IPAddress address, double left)
    {
        if (left >= Plenty) return true;
        long own = _shares.GetValueOrDefault(Network(address));
        if (own == 0) return true;
        return left < Reserve ? own * _shares.Count < All : own * _shares.Count <= All;
    }

    public AddressShares With(IPAddress address)
    {
        var network = Network(address);
        return new(_shares.SetItem(network, _shares.GetValueOrDefault(network) + 1), All + 1);
    }

    /// <param name="address">That has a share.</param>
    public AddressShares Without(IPAddress address)
    {
        var network = Network(address);
        return new(_shares[network] is > 1 and var own ? _shares.SetItem(network, own - 1) : _shares.Remove(network), All - 1);
    }

    /// <summary>IPv6 gives every host a /64 of addresses: they are one.</summary>
    private static IPAddress Network(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || address.IsIPv4MappedToIPv6) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }
}
