using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Channels;

/// <summary>What all channels share. None of it waits.</summary>
internal sealed class ChannelServices(
    IOptions<ChannelOptions> options, IOptions<SessionOptions> sessions, GatewayIdentity gateway, SessionDirectory directory, Broker broker,
    RetainedMessages retained, SessionJournal journal, GatewayRules rules, SubscriptionEvents subscriptions, GatewayMetrics metrics,
    ILogger<MqttChannel> log)
{
    public ChannelOptions Options { get; } = options.Value;
    public SessionOptions Sessions { get; } = sessions.Value;
    public GatewayIdentity Gateway => gateway;
    public SessionDirectory Directory => directory;
    public Broker Broker => broker;
    public RetainedMessages Retained => retained;
    public GatewayRules Rules => rules;
    public SubscriptionEvents Subscriptions => subscriptions;
    public SessionJournal Journal => journal;
    public GatewayMetrics Metrics => metrics;
    public ILogger Log => log;
}
