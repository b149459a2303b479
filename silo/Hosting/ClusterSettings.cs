using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Orleans.Configuration;

namespace Fleet.Silo.Hosting;

/// <summary>
/// Section <c>Fleet:Cluster</c>: how silos and gateways find and reach each other. The same ids and database make one Fleet.
/// </summary>
internal sealed class ClusterSettings : IValidatableObject
{
    public const string Section = "Fleet:Cluster";

    private const int ShedPercent = 5;

    /// <summary>
    /// Whether a process in the role <c>all</c> joins a cluster, rather than being the only one. Silos and gateways of their own always do.
    /// </summary>
    public bool Enabled { get; set; }

    /// <summary>Silos with one cluster id form one cluster. Orleans' tables keep at most 150 characters.</summary>
    [Required, StringLength(150)] public string ClusterId { get; set; } = "fleet";

    /// <summary>Names the reminders of this Fleet; it must not change in its life. Orleans' tables keep at most 150 characters.</summary>
    [Required, StringLength(150)] public string ServiceId { get; set; } = "fleet";

    /// <summary>
    /// IP address that this silo listens on and that the others reach it by. Traffic among silos and from gateways is TLS, with the
    /// cluster's own certificate on both sides.
    /// </summary>
    [Required] public string Address { get; set; } = "127.0.0.1";

    /// <summary>Where other silos connect; 0: any free port. 11111 is Orleans' default.</summary>
    [Range(0, 65_535)] public int SiloPort { get; set; } = 11_111;

    /// <summary>Where gateways connect; 0: any free port. 30000 is Orleans' default.</summary>
    [Range(0, 65_535)] public int GatewayPort { get; set; } = 30_000;

    /// <summary>
    /// Percent of the memory that the process may have (its container's limit, or the machine's) from which on grains that were not called
    /// for longest are deactivated, down to five percent less. 0 leaves that to their age alone; otherwise at least 10.
    /// </summary>
    [Range(0, 100)] public int ShedActivationsAtMemoryPercent { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IPAddress.TryParse(Address, out var address)) yield return new($"'{Address}' is not an IP address.", [nameof(Address)]);
        else if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            yield return new(
                $"{Address} is every interface; the others need the one address that they reach this silo by.", [nameof(Address)]);
        if (ShedActivationsAtMemoryPercent is > 0 and < 10)
            yield return new("ShedActivationsAtMemoryPercent is 0, for off, or 10 to 100.", [nameof(ShedActivationsAtMemoryPercent)]);
        if (SiloPort == GatewayPort && SiloPort != 0) yield return new("SiloPort and GatewayPort must differ.", [nameof(GatewayPort)]);
    }

    /// <exception cref="StartupException">A port cannot be had.</exception>
    public void ApplyTo(EndpointOptions endpoint)
    {
        var address = IPAddress.Parse(Address);
        PortCheck.MustBeFree(new(address, SiloPort), $"{Section}:{nameof(SiloPort)}");
        PortCheck.MustBeFree(new(address, GatewayPort), $"{Section}:{nameof(GatewayPort)}");
        // The membership table wants the ports before they are bound. Both are held until both are known.
        using Socket silo = Bind(address, SiloPort), gateway = Bind(address, GatewayPort);
        endpoint.AdvertisedIPAddress = address;
        endpoint.SiloPort = PortOf(silo);
        endpoint.GatewayPort = PortOf(gateway);
    }

    public void ApplyTo(GrainCollectionOptions collection)
    {
        if (ShedActivationsAtMemoryPercent == 0) return;
        collection.EnableActivationSheddingOnMemoryPressure = true;
        collection.MemoryUsageLimitPercentage = ShedActivationsAtMemoryPercent;
        collection.MemoryUsageTargetPercentage = ShedActivationsAtMemoryPercent - ShedPercent;
    }

    private static Socket Bind(IPAddress address, int port)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new StartupException($"This machine cannot listen on {address}: {e.Message} (setting {Section}:{nameof(Address)})", e);
        }
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
}
