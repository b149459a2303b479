using System.Text.Json.Nodes;
using Fleet.Gateway;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway;

public sealed class PresenceTests
{
    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();

    [Fact]
    public async Task Words_about_one_thing_keep_their_order_and_do_not_hold_up_another()
    {
        var first = new TaskCompletionSource();
        _grains.On<IDeviceGrain>("Connected", (key, _) => key == "a" ? first.Task : Task.CompletedTask)
            .On<IDeviceGrain>("Disconnected", (_, _) => Task.CompletedTask);
        var presence = Presence();
        var a = GatewayParts.Device("a");
        var connected = presence.Connected(a);
        presence.Disconnected(a, DisconnectReason.ConnectionLost);
        await presence.Connected(GatewayParts.Device("b"));
        Assert.Equal(["a.Connected", "b.Connected"], _grains.Calls);
        first.SetResult();
        await connected;
        await presence.Told();
        Assert.Equal(["a.Connected", "b.Connected", "a.Disconnected"], _grains.Calls);
    }

    [Fact]
    public async Task What_a_grain_does_not_take_is_said_again_before_anything_newer()
    {
        int attempts = 0;
        _grains.On<IDeviceGrain>("Disconnected", (_, _) => ++attempts < 3 ? throw new TimeoutException() : Task.CompletedTask)
            .On<IDeviceGrain>("Connected", (_, _) => Task.CompletedTask);
        var presence = Presence();
        var device = GatewayParts.Device("a");
        presence.Disconnected(device, DisconnectReason.ConnectionLost);
        var connected = presence.Connected(device);
        while (!connected.IsCompleted)
        {
            _parts.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.Equal(["a.Disconnected", "a.Disconnected", "a.Disconnected", "a.Connected"], _grains.Calls);
    }

    [Fact]
    public async Task A_silent_device_goes_stale_and_comes_back()
    {
        _grains.On<IDeviceGrain>("Stale", (_, _) => Task.CompletedTask).On<IDeviceGrain>("Seen", (_, _) => Task.CompletedTask);
        var presence = Presence();
        var life = new SessionLifecycle(
            presence, new PresenceEvents(_parts.Broker, _parts.Clock), _parts.Directory, _parts.Leases, _parts.Claims, _parts.Flapping, _parts.Clock,
            NullLogger<SessionLifecycle>.Instance);
        var client = TestClient.Connected(_parts, GatewayParts.Device("a"));
        life.Began(client.Session.Identity);
        client.Publish("fleet/a/heartbeat");
        for (int second = 0; second < 26; second++)
        {
            _parts.Time.Advance(TimeSpan.FromSeconds(1));
            life.Sweep(_parts.Clock.NowMs);
        }
        await presence.Told();
        Assert.Equal(["a.Stale"], _grains.Calls);
        client.Publish("fleet/a/heartbeat");
        life.Sweep(_parts.Clock.NowMs);
        await presence.Told();
        Assert.Equal(["a.Stale", "a.Seen"], _grains.Calls);
    }

    [Fact]
    public void Presence_events_are_published_as_AWS_has_them()
    {
        var watcher = TestClient.Connected(_parts, GatewayParts.Identity(SessionKind.Operator, "watcher", BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/events/presence/#");
        var events = new PresenceEvents(_parts.Broker, _parts.Clock);
        var device = GatewayParts.Device("a");
        events.Connected(device);
        events.Disconnected(device, EndCause.KeepAliveTimeout);
        events.Connected(GatewayParts.Plain("a+b"));
        var messages = watcher.ReadMessages();
        Assert.Equal(
            """$aws/events/presence/connected/a={"clientId":"a","timestamp":1767268800000,"eventType":"connected","""
            + $"\"sessionIdentifier\":\"{device.ConnectionId}\","
            + $"\"principalIdentifier\":\"{device.Certificate}\",\"ipAddress\":\"10.0.0.1\",\"versionNumber\":1}}", messages[0]);
        var disconnected = JsonNode.Parse(messages[1][(messages[1].IndexOf('=', StringComparison.Ordinal) + 1)..])!;
        Assert.Equal(("MQTT_KEEP_ALIVE_TIMEOUT", false),
            ((string?)disconnected["disconnectReason"], (bool)disconnected["clientInitiatedDisconnect"]!));
        Assert.Equal(2, messages.Count);
    }

    [Theory]
    [InlineData(nameof(SessionKind.Claim)), InlineData(nameof(SessionKind.Operator)), InlineData(nameof(SessionKind.Plain))]
    public void Nobody_but_the_device_speaks_under_its_name(string who)
    {
        var kind = Enum.Parse<SessionKind>(who);
        string name = kind switch
        {
            SessionKind.Claim => $"claim/{new string('b', 64)}/amr-1", SessionKind.Operator => "operator/ann/amr-1", _ => "plain/amr-1",
        };
        var watcher = TestClient.Connected(_parts, GatewayParts.Identity(SessionKind.Operator, "watcher", BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/events/#");
        var impostor = GatewayParts.Identity(
            kind, "amr-1", BuiltInPolicies.Operator, certificate: kind == SessionKind.Claim ? new string('b', 64) : null,
            operatorName: kind == SessionKind.Operator ? "ann" : null);
        var presence = new PresenceEvents(_parts.Broker, _parts.Clock);
        presence.Connected(impostor);
        presence.Disconnected(impostor, EndCause.ConnectionLost);
        var subscriptions = new SubscriptionEvents(_parts.Broker, _parts.Clock);
        subscriptions.Subscribed(impostor, ["t"]);
        subscriptions.Unsubscribed(impostor, ["t"]);
        var messages = watcher.ReadMessages();
        Assert.Equal(
            [$"presence/connected/{name}", $"presence/disconnected/{name}", $"subscriptions/subscribed/{name}", $"subscriptions/unsubscribed/{name}"],
            messages.Select(message => message["$aws/events/".Length..message.IndexOf('=', StringComparison.Ordinal)]));
        Assert.All(messages, message => Assert.Contains($"\"clientId\":\"{name}\"", message, StringComparison.Ordinal));
    }

    [Fact]
    public void Who_was_not_let_in_makes_an_event_too()
    {
        var watcher = TestClient.Connected(_parts, GatewayParts.Identity(SessionKind.Operator, "watcher", BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/events/presence/connect_failed/+");
        Assert.True(CertificateId.TryParse(new string('b', 64), out var id));
        var (events, own) = (new PresenceEvents(_parts.Broker, _parts.Clock), GatewayParts.Device("a"));
        events.ConnectFailed(own.Thing, "a", "s-1", new ConnectionSource(Listener.Mqtts, id, "10.0.0.1"));
        Assert.Equal(
            ["""$aws/events/presence/connect_failed/a={"clientId":"a","timestamp":1767268800000,"eventType":"connect_failed","""
            + $"\"sessionIdentifier\":\"s-1\",\"principalIdentifier\":\"{id}\","
            + "\"ipAddress\":\"10.0.0.1\",\"connectFailureReason\":\"AUTHORIZATION_FAILED\"}"],
            watcher.ReadMessages());
        watcher.Subscribed("$aws/events/presence/connect_failed/#");
        events.ConnectFailed(thing: null, "a", "s-2", new ConnectionSource(Listener.Mqtts, id, "10.0.0.1"));
        events.ConnectFailed(thing: null, "a", "s-3", new ConnectionSource(Listener.WebSocket, null, "10.0.0.1"));
        Assert.Equal(
            [$"$aws/events/presence/connect_failed/certificate/{id}/a", "$aws/events/presence/connect_failed/unknown/10.0.0.1/a"],
            watcher.ReadMessages().Select(message => message[..message.IndexOf('=', StringComparison.Ordinal)]));
    }

    [Fact]
    public void Subscription_events_name_the_topic_filters()
    {
        var watcher = TestClient.Connected(_parts, GatewayParts.Identity(SessionKind.Operator, "watcher", BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/events/subscriptions/#");
        var events = new SubscriptionEvents(_parts.Broker, _parts.Clock);
        var device = GatewayParts.Device("a");
        events.Subscribed(device, ["t/1", "$share/g/t"]);
        events.Unsubscribed(device, ["t/1"]);
        events.Unsubscribed(device, []);
        var messages = watcher.ReadMessages();
        Assert.Equal(2, messages.Count);
        Assert.EndsWith("""
            "topics":["t/1","$share/g/t"]}
            """, messages[0], StringComparison.Ordinal);
        Assert.StartsWith("$aws/events/subscriptions/unsubscribed/a=", messages[1], StringComparison.Ordinal);
    }

    private PresenceReporter Presence() => new(_grains, new GatewayIdentity(), _parts.Clock, NullLogger<PresenceReporter>.Instance);
}
