using Fleet.Gateway.Hosting;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Downloads;

/// <summary>What download URLs start with: the configured one, else the HTTP address that the host bound.</summary>
public sealed class PublicAddress
{
    private readonly Uri? _configured;

    internal PublicAddress(IOptions<GatewayOptions> options) => _configured = options.Value.PublicUrl;

    /// <summary>Set by the host once it listens.</summary>
    public Uri? Bound { get; set; }

    /// <exception cref="InvalidOperationException">Nothing is configured, and nothing listens yet.</exception>
    public Uri Url => _configured ?? Bound ?? throw new InvalidOperationException("Fleet:Gateway:PublicUrl is not set and no HTTP address is bound yet.");
}
