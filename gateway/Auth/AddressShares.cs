using System.Net;
using System.Net.Sockets;

namespace Fleet.Gateway.Auth;

/// <summary>
/// Who came how often in this second. While there is plenty, an address may take what it likes: a whole site can stand behind one. When it
/// runs short, those who have had more than an even share wait for the others.
/// </summary>
internal sealed class AddressShares
{
    private const int MaxAddresses = 10_000;
    private const double Plenty = 0.5;

    private readonly Dictionary<IPAddress, int> _admitted = [];
    private long _second = long.MinValue;
    private int _all;

    /// <param name="now">Monotonic milliseconds.</param>
    public void Refill(long now)
    {
        if (now / 1000 == _second) return;
        _second = now / 1000;
        _admitted.Clear();
        _all = 0;
    }

    /// <param name="fill">What is left of a second's worth, 0 to 1.</param>
    public bool Allows(IPAddress? address, double fill)
    {
        if (fill >= Plenty || address is null || _admitted.Count <= 1) return true;
        return _admitted.GetValueOrDefault(Network(address)) <= _all / _admitted.Count;
    }

    public void Note(IPAddress? address)
    {
        if (address is null) return;
        var network = Network(address);
        if (_admitted.Count >= MaxAddresses && !_admitted.ContainsKey(network)) return;
        _admitted[network] = _admitted.GetValueOrDefault(network) + 1;
        _all++;
    }

    /// <summary>IPv6 gives every host a /64 of addresses: they are one.</summary>
    private static IPAddress Network(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || address.IsIPv4MappedToIPv6) return address;
        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
