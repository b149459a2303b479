using System.Text;
using Fleet.Gateway.Policies;
using Fleet.Interfaces;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Sessions;

/// <summary>Who a connection is and what it may do. Made by the authorisation of CONNECT; immutable.</summary>
internal sealed class SessionIdentity
{
    public required SessionKind Kind { get; init; }
    public required string ClientId { get; init; }

    /// <summary>Unique per connection.</summary>
    public required string ConnectionId { get; init; }
    public required SessionPolicy Policy { get; init; }

    /// <summary>IP address, without the port.</summary>
    public required string RemoteAddress { get; init; }

    /// <summary>A device's.</summary>
    public ThingName? Thing { get; init; }

    /// <summary>A device's or a claim's.</summary>
    public CertificateId? Certificate { get; init; }

    /// <summary>An operator's name.</summary>
    public string? Operator { get; init; }

    /// <summary>A claim's provisioning template.</summary>
    public string? Template { get; init; }

    /// <summary>A device's.</summary>
    public Heartbeat? Heartbeat { get; init; }

    /// <summary>The gateway's id when the lease was taken.</summary>
    public string? GatewayId { get; init; }

    /// <summary>From the session's lease: grows with each connection of the client id.</summary>
    public required SessionEpoch Epoch { get; init; }

    /// <summary>Of its connection, monotonic milliseconds.</summary>
    public long ConnectedAt { get; init; }

    /// <summary>
    /// The session's name among all sessions. A device's is its client id, which is its thing name; the others have a prefix that no
    /// thing name can have, so that none of them can ever evict a device.
    /// </summary>
    public string Key => KeyOf(Kind, ClientId, Certificate, Operator);

    public string Principal => Certificate?.Value ?? Operator ?? "anonymous";

    public static string KeyOf(SessionKind kind, string clientId, CertificateId? certificate, string? operatorName) => kind switch
    {
        SessionKind.Device => clientId,
        SessionKind.Claim => $"claim/{certificate}/{clientId}",
        SessionKind.Operator => $"operator/{operatorName}/{clientId}",
        _ => $"plain/{clientId}",
    };

    public static IReadOnlyDictionary<string, string> PolicyVariables(
        string clientId, string remoteAddress, ThingName? thing, string? template)
    {
        var variables = new Dictionary<string, string>(4, StringComparer.Ordinal)
        {
            ["iot:ClientId"] = clientId,
            ["aws:SourceIp"] = remoteAddress,
        };
        if (thing is { } name) variables["iot:Connection.Thing.ThingName"] = name.Value;
        if (template is not null) variables["fleet:Claim.Template"] = template;
        return variables;
    }

    public bool AllowsConnect() => Policy.AllowsConnect(Encoding.UTF8.GetBytes(ClientId));
}
