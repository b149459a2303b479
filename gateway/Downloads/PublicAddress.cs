using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Downloads;

/// <summary>Where devices reach this service's HTTP: <c>Fleet:Gateway:PublicUrl</c>, else the address that was bound.</summary>
internal sealed class PublicAddress(
    IOptions<DownloadOptions> options, GatewayListeners listeners, IServiceProvider services, IConfiguration configuration)
{
    private string? _url;

    /// <summary>Without a slash at the end.</summary>
    public string Url => _url ??= (options.Value.PublicUrl ?? Bound()).ToString().TrimEnd('/');

    private Uri Bound()
    {
        // The server is looked up late: it is made after the gateway, and its addresses are known once it has started.
        var addresses = services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        Uri[] http = [.. addresses.Select(address => new Uri(address))
            .Where(uri => uri.Port != listeners.MqttsPort && uri.Port != listeners.PlainPort)];
        int? preferred = configuration.GetValue<int?>("Fleet:Http:Port");
        return http.FirstOrDefault(uri => uri.Port == preferred) ?? http.FirstOrDefault()
            ?? throw new InvalidOperationException(
                "No HTTP address is bound, so there is none to download from: set Fleet:Gateway:PublicUrl.");
    }
}
