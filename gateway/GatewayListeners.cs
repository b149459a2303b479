using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fleet.Gateway;

/// <summary>The MQTT listeners, as they were bound.</summary>
public sealed class GatewayListeners
{
    private ListenOptions? _mqtts, _plain;
    private (int Mqtts, int? Plain)? _reactor;

    /// <summary>MQTT over TLS; null before the server has started.</summary>
    public int? MqttsPort => _reactor?.Mqtts ?? PortOf(_mqtts);

    /// <summary>MQTT without TLS; null if it is off.</summary>
    public int? PlainPort => _reactor?.Plain ?? PortOf(_plain);

    /// <summary>The host has asked for them.</summary>
    internal bool AreWanted { get; private set; }

    internal void Want() => AreWanted = true;

    /// <summary>They are Kestrel's, which knows their ports once it has started.</summary>
    internal void Bound(ListenOptions mqtts, ListenOptions? plain) => (_mqtts, _plain) = (mqtts, plain);

    /// <summary>They are the reactor's.</summary>
    internal void Bound(int mqtts, int? plain) => _reactor = (mqtts, plain);

    private static int? PortOf(ListenOptions? listen) => listen?.EndPoint is IPEndPoint { Port: > 0 } endPoint ? endPoint.Port : null;
}
