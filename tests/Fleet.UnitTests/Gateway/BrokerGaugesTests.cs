using Fleet.Gateway.Directory;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Gateway;

/// <summary>What the broker says it holds.</summary>
public sealed class BrokerGaugesTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly GatewayParts _parts = new();

    [Fact]
    public async Task Sessions_subscriptions_retained_and_waiting_messages_are_counted()
    {
        await new BrokerGauges(_parts.MeterFactory, _parts.Directory, _parts.Broker, _parts.Retained).StartAsync(default);
        var subscriber = TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent);
        subscriber.Subscribed("a/+", Qos.AtLeastOnce);
        subscriber.Subscribed("b", Qos.AtLeastOnce);
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain("publisher"));
        publisher.Publish("a/x", "sent", Qos.AtLeastOnce);
        subscriber.Read();
        Assert.Equal(Held(away: 0, inFlight: 1, queued: 0, retained: 0, subscriptions: 2), Read());

        subscriber.Lose();
        publisher.Publish("b", "queued", Qos.AtLeastOnce, packetId: 2, retain: true);
        Assert.Equal(Held(away: 1, inFlight: 1, queued: 1, retained: 1, subscriptions: 2), Read());
    }

    private List<string> Read() =>
        [.. _parts.MeterFactory.Read(GatewayMetrics.MeterName).Where(line => line.Contains("queue", StringComparison.Ordinal)
            || line.Contains("sessions", StringComparison.Ordinal) || line.Contains("retained", StringComparison.Ordinal)
                || line.Contains("subscr", StringComparison.Ordinal))];

    private static List<string> Held(int away, int inFlight, int queued, int retained, int subscriptions) =>
    [
        $"mqtt.server.queue.length inFlight = {inFlight}", $"mqtt.server.queue.length queued = {queued}",
        $"mqtt.server.retained = {retained}", $"mqtt.server.retained.size = {7 * retained}",
        $"mqtt.server.sessions.away = {away}", $"mqtt.server.subscriptions = {subscriptions}",
    ];
}
