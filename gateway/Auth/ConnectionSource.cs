using System.Net;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Auth;

/// <summary>How a connection came in.</summary>
/// <param name="Certificate">Of the client, its chain already verified; null where the listener asks for none.</param>
/// <param name="RemoteAddress">IP address, without the port.</param>
/// <param name="Pass">To be released once CONNECT is answered.</param>
internal sealed record ConnectionSource(Listener Listener, CertificateId? Certificate, string RemoteAddress, AdmissionPass? Pass = null);

internal enum Listener
{
    /// <summary>MQTT over TLS with a client certificate.</summary>
    Mqtts,

    /// <summary>The plain port.</summary>
    Plain,

    /// <summary>MQTT over WebSocket with a user name and password.</summary>
    WebSocket,
}

/// <summary>An IP address as logs, policies and events have it.</summary>
internal static class RemoteAddress
{
    public static string Of(IPAddress? address) => address switch
    {
        null => "unknown",
        { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
        _ => address.ToString(),
    };
}
