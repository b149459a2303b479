using System.Collections.Immutable;
using System.Net;

namespace Fleet.Gateway.Auth;

/// <summary>How many of the connections that are let in each address has. Immutable.</summary>
internal sealed class AddressShares
{
    public static readonly AddressShares None = new(ImmutableDictionary<IPAddress, int>.Empty, 0);

    private readonly ImmutableDictionary<IPAddress, int> _shares;

    private AddressShares(ImmutableDictionary<IPAddress, int> shares, int all) => (_shares, All) = (shares, all);

    public int All { get; }

    /// <param name="network">Of <see cref="ClientNetwork"/>.</param>
    /// <param name="left">What will be left when this one is let in, 0 to 1.</param>
    public bool Allows(IPAddress network, double left) =>
        FairShare.Allows(_shares.GetValueOrDefault(network), _shares.Count, All, left);

    public AddressShares With(IPAddress network) =>
        new(_shares.SetItem(network, _shares.GetValueOrDefault(network) + 1), All + 1);
}
