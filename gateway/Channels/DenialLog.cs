using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Channels;

/// <summary>Every denial is counted; each is logged once per connection, so that a client that loops does not drown the log.</summary>
internal sealed class DenialLog(Session session, GatewayMetrics metrics, ILogger log)
{
    private const int MaxLogged = 32;

    private HashSet<string>? _logged;

    public void Publish(string topic, string why)
    {
        metrics.Denied(DeniedAction.Publish);
        var identity = session.Identity;
        if (IsFirst(topic)) log.PublishDenied(identity.ClientId, identity.Kind, topic, identity.Policy.Name, why);
    }

    public void Subscribe(string filter)
    {
        metrics.Denied(DeniedAction.Subscribe);
        var identity = session.Identity;
        if (IsFirst(filter)) log.SubscribeDenied(identity.ClientId, identity.Kind, filter, identity.Policy.Name);
    }

    private bool IsFirst(string what) => (_logged ??= new(StringComparer.Ordinal)).Count < MaxLogged && _logged.Add(what);
}
