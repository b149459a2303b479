using System.Collections.Concurrent;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Transport;

/// <summary>What the sweep looks at: a connection, or a loop that has many.</summary>
internal interface ITicked
{
    /// <summary>Time has passed.</summary>
    void Tick(long now);
}

/// <summary>The open connections, of all transports.</summary>
internal sealed class ConnectionRegistry(GatewayMetrics metrics)
{
    private readonly ConcurrentDictionary<MqttConnection, bool> _open = new();
    private readonly ConcurrentDictionary<ITicked, bool> _ticked = new();

    public int Count => _open.Count;

    public void Add(MqttConnection connection)
    {
        _open[connection] = true;
        if (connection is ITicked ticked) Watch(ticked);
        metrics.ConnectionOpened();
    }

    public void Remove(MqttConnection connection)
    {
        if (_open.TryRemove(connection, out _)) metrics.ConnectionClosed();
        if (connection is ITicked ticked) Unwatch(ticked);
    }

    public void Watch(ITicked ticked) => _ticked[ticked] = true;

    public void Unwatch(ITicked ticked) => _ticked.TryRemove(ticked, out _);

    public void Tick(long now)
    {
        foreach (var (ticked, _) in _ticked) ticked.Tick(now);
    }

    /// <summary>Ends them all, those without a session too.</summary>
    public void EndAll(EndCause cause)
    {
        foreach (var (connection, _) in _open) connection.End(cause);
    }
}

/// <summary>What all connections share.</summary>
internal sealed class ConnectionServices(
    IOptions<TransportOptions> options, ChannelServices channel, ConnectAuthoriser authoriser, SessionLifecycle lifecycle,
    RequestDispatcher requests, ConnectionRegistry connections, GatewayClock clock, GatewayMetrics metrics, ILogger<MqttConnection> log)
{
    public TransportOptions Options { get; } = options.Value;
    public ChannelServices Channel => channel;
    public ConnectAuthoriser Authoriser => authoriser;
    public SessionLifecycle Lifecycle => lifecycle;
    public RequestDispatcher Requests => requests;
    public ConnectionRegistry Connections => connections;
    public GatewayClock Clock => clock;
    public GatewayMetrics Metrics => metrics;
    public ILogger Log => log;
}
