using System.Diagnostics.Metrics;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Hosting;

namespace Fleet.Gateway.Directory;

/// <summary>What the broker holds, counted when somebody looks; meter "Fleet.Gateway". Other brokers tell this below <c>$SYS</c>.</summary>
internal sealed class BrokerGauges(IMeterFactory meters, SessionDirectory sessions, Broker broker, RetainedMessages retained)
    : IHostedService
{
    private static readonly KeyValuePair<string, object?> Queued = new("state", "queued"), InFlight = new("state", "inFlight");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.Create(GatewayMetrics.MeterName);
        meter.CreateObservableGauge(
            "mqtt.server.sessions.away", () => sessions.GetAll().Count(session => !session.IsConnected), "{session}",
            "Persistent sessions whose client is away.");
        meter.CreateObservableGauge(
            "mqtt.server.subscriptions", () => broker.Subscriptions, "{subscription}",
            "Subscriptions of sessions, rules and other gateways.");
        meter.CreateObservableGauge("mqtt.server.retained", () => retained.Count, "{message}", "Retained messages.");
        meter.CreateObservableGauge(
            "mqtt.server.retained.size", () => retained.Bytes, "By", "Retained messages, with their topics and properties.");
        meter.CreateObservableGauge(
            "mqtt.server.queue.length", Backlog, "{message}",
            "Messages for clients: queued, or inFlight (sent and not acknowledged to the end).");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private IEnumerable<Measurement<long>> Backlog()
    {
        (long queued, long inFlight) = (0, 0);
        foreach (var session in sessions.GetAll())
        {
            var (waiting, sent) = session.Outbound.Backlog;
            queued += waiting;
            inFlight += sent;
        }
        return [new(queued, Queued), new(inFlight, InFlight)];
    }
}
