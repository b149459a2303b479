using Fleet.Gateway.Auth;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using static Fleet.UnitTests.Gateway.Cluster.Client;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>One live session per client id, and what moves with it from gateway to gateway.</summary>
public sealed class MovingTests : IAsyncLifetime
{
    private ClusterUnderTest _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await ClusterUnderTest.Start();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_newer_connection_at_another_gateway_ends_the_older()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var older = await here.Connect("c");
        await using var newer = await there.Connect("c");
        Assert.Equal(ReasonCode.SessionTakenOver, (await older.Mqtt.Closed.WaitAsync(TimeSpan.FromSeconds(20))).ReasonCode);
        Assert.False(newer.Mqtt.Connection.SessionPresent);
        Assert.True(newer.Mqtt.IsConnected);
    }

    [Fact]
    public async Task A_session_moves_with_its_subscriptions_its_queue_and_what_is_in_flight()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        var reached = new TaskCompletionSource<IncomingMessage>();
        // It takes one message and never acknowledges it.
        var stuck = await here.Connect("c", o => Persistent(o) with
        {
            ReceiveMaximum = 1,
            OnMessage = async message =>
            {
                reached.TrySetResult(message);
                await new TaskCompletionSource().Task;
            },
        });
        Assert.Equal(ReasonCode.GrantedQos1, await stuck.Mqtt.SubscribeAsync("t/#", Qos.AtLeastOnce));
        for (int i = 0; i < 5; i++) await publisher.Publish($"t/{i}", $"{i}");
        Assert.Equal("0", Client.TextOf(await reached.Task));

        await using var moved = await there.Connect("c", Persistent);
        Assert.True(moved.Mqtt.Connection.SessionPresent);
        Assert.Equal(ReasonCode.SessionTakenOver, (await stuck.Mqtt.Closed.WaitAsync(TimeSpan.FromSeconds(20))).ReasonCode);
        await publisher.Publish("t/5", "5");
        for (int i = 0; i <= 5; i++)
        {
            var message = await moved.Next();
            Assert.Equal(($"{i}", i == 0), (Client.TextOf(message), message.Duplicate));
        }
    }

    [Fact]
    public async Task A_session_whose_client_is_away_moves_too_and_expires_where_it_is()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await there.Connect("p");
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t");
        await client.Mqtt.DisconnectAsync();
        await publisher.Publish("t", "1");
        await using (var back = await there.Connect("c", Persistent))
        {
            Assert.True(back.Mqtt.Connection.SessionPresent);
            Assert.Equal("1", Client.TextOf(await back.Next()));
            await back.Mqtt.DisconnectAsync();
        }
        await using (var clean = await here.Connect("c", o => o with { CleanStart = true, SessionExpirySeconds = 100 }))
            Assert.False(clean.Mqtt.Connection.SessionPresent);
        Assert.Null(there.Service<SessionDirectory>().Find("plain/c"));
    }

    [Fact]
    public async Task What_was_on_its_way_to_the_old_gateway_keeps_its_place()
    {
        var (here, there) = await _cluster.TwoGateways();
        var elsewhere = await _cluster.Gateway();
        await using var publisher = await elsewhere.Connect("p");
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t");
        await client.Mqtt.DisconnectAsync();
        var road = new TaskCompletionSource();
        elsewhere.Block(here, road.Task);
        var first = publisher.Publish("t", "1");
        var connecting = there.Connect("c", Persistent);
        // From now on messages go to the new gateway too; the first is still on its way to the old one.
        await Eventually.True(() => elsewhere.Peers.Find(there.Id)!.RouteCount > 0);
        var second = publisher.Publish("t", "2");
        road.SetResult();
        await using var moved = await connecting;
        Assert.Equal("1", Client.TextOf(await moved.Next()));
        Assert.Equal("2", Client.TextOf(await moved.Next()));
        await Task.WhenAll(first, second);
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task Nothing_is_lost_or_repeated_while_a_session_wanders(int seed)
    {
        LiveGateway[] gateways = [await _cluster.Gateway(), await _cluster.Gateway(), await _cluster.Gateway()];
        var random = new Random(seed);
        List<string> received = [];
        HashSet<string> again = [];
        List<string> history = [];
        var publishing = Task.WhenAll(gateways.Select(async (gateway, number) =>
        {
            await using var publisher = await gateway.Connect($"p-{number}");
            for (int i = 0; i < 150; i++) await publisher.Publish($"t/{number}", $"{number}:{i}");
        }));
        Func<MqttClientOptions, MqttClientOptions> Taking(string hop) => options => Persistent(options) with
        {
            OnMessage = message =>
            {
                // What is sent again has DUP; the connection before may have brought it too, and its handler may even come second.
                lock (received)
                {
                    history.Add($"{hop} {Client.TextOf(message)}{(message.Duplicate ? " again" : "")}");
                    if (message.Duplicate) again.Add(Client.TextOf(message));
                    if (!again.Contains(Client.TextOf(message)) || !received.Contains(Client.TextOf(message))) received.Add(Client.TextOf(message));
                }
                return ValueTask.CompletedTask;
            },
        };
        var client = await gateways[0].Connect("c", Taking("0@0"));
        Assert.Equal(ReasonCode.GrantedQos1, await client.Mqtt.SubscribeAsync("t/#", Qos.AtLeastOnce));
        for (int hop = 0; hop < 12; hop++)
        {
            int to = random.Next(3);
            var next = await gateways[to].Connect("c", Taking($"{hop + 1}@{to}"));
            Assert.True(next.Mqtt.Connection.SessionPresent);
            await client.DisposeAsync();
            client = next;
        }
        await publishing;
        await using (var last = await gateways[1].Connect("last"))
        {
            foreach (var number in Enumerable.Range(0, 3)) await last.Publish($"t/{number}", $"{number}:150");
        }
        await Eventually.True(() =>
        {
            lock (received) return Enumerable.Range(0, 3).All(number => received.Contains($"{number}:150"));
        });
        await client.DisposeAsync();
        foreach (int number in Enumerable.Range(0, 3))
        {
            // What was published before it subscribed is not its own.
            int[] mine = [.. received.Where(text => text.StartsWith($"{number}:", StringComparison.Ordinal)).Select(text => int.Parse(text[2..]))];
            Assert.True(Enumerable.Range(mine[0], 151 - mine[0]).SequenceEqual(mine), string.Join('\n', history.Where(line => line.Contains($" {number}:"))));
        }
    }

    [Theory, InlineData(1), InlineData(2)]
    public async Task A_message_of_QoS_2_comes_exactly_once_wherever_the_session_is(int seed)
    {
        LiveGateway[] gateways = [await _cluster.Gateway(), await _cluster.Gateway(), await _cluster.Gateway()];
        var random = new Random(seed);
        List<string> received = [];
        var done = new TaskCompletionSource();
        var session = new MqttClientSession();
        MqttClientOptions Wandering(MqttClientOptions options) => Persistent(options) with
        {
            Session = session,
            ReceiveMaximum = 7,
            OnMessage = message =>
            {
                lock (received) received.Add(Client.TextOf(message));
                if (Client.TextOf(message) == "last") done.SetResult();
                return ValueTask.CompletedTask;
            },
        };
        var client = await gateways[0].Connect("c", Wandering);
        Assert.Equal(ReasonCode.GrantedQos2, await client.Mqtt.SubscribeAsync("t", Qos.ExactlyOnce));
        await using var publisher = await gateways[1].Connect("p");
        var publishing = Task.Run(async () =>
        {
            for (int i = 0; i < 300; i++) await publisher.Publish("t", $"{i}", Qos.ExactlyOnce);
            await publisher.Publish("t", "last", Qos.ExactlyOnce);
        });
        for (int hop = 0; hop < 12; hop++)
        {
            await client.DisposeAsync();
            client = await gateways[random.Next(3)].Connect("c", Wandering);
            Assert.True(client.Mqtt.Connection.SessionPresent);
        }
        await publishing;
        await done.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await client.DisposeAsync();
        Assert.Equal([.. Enumerable.Range(0, 300).Select(i => $"{i}"), "last"], received);
    }

    [Fact]
    public async Task A_client_that_turns_back_while_its_session_is_on_its_way_loses_nothing()
    {
        var (here, there) = await _cluster.TwoGateways();
        var slow = await _cluster.Gateway();
        await using var publisher = await OneOwed(here);
        // The other gateway cannot say to a third one what it wants now: the session is on its way for as long.
        var road = new TaskCompletionSource();
        there.Block(slow, road.Task);
        var gone = there.Connect("c", Persistent);
        await Eventually.True(() => here.Peers.Find(there.Id)!.RouteCount > 0);
        // Its client has lost its patience.
        var returning = here.Connect("c", Persistent);
        await Eventually.True(() => there.Service<Fences>().Check(GatewayParts.Plain("c")) is not null);
        await publisher.Publish("t", "2");
        road.SetResult();
        await using var back = await returning;
        Assert.True(back.Mqtt.Connection.SessionPresent);
        await publisher.Publish("t", "last");
        Assert.Equal(["1", "2"], await back.Until("last"));
        await gone.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task A_session_whose_messages_could_not_be_fetched_at_once_is_not_begun_anew()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await OneOwed(here);
        int lost = 0;
        there.OnCollect = async collect =>
        {
            var messages = await collect();
            // The old gateway has given them away, and the new one has not got them.
            return lost++ == 0 ? throw new TimeoutException("The answer is lost.") : messages;
        };
        await using var moved = await there.Connect("c", Persistent);
        Assert.True(moved.Mqtt.Connection.SessionPresent);
        await publisher.Publish("t", "last");
        Assert.Equal(["1"], await moved.Until("last"));
    }

    [Fact]
    public async Task A_client_that_did_not_wait_for_its_session_finds_it_when_it_comes_again()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await OneOwed(here);
        var asked = new TaskCompletionSource();
        bool works = false;
        there.OnCollect = collect =>
        {
            asked.TrySetResult();
            return Volatile.Read(ref works) ? collect() : throw new TimeoutException("The network is down.");
        };
        // A client that hangs up while it is decided about.
        _ = there.Service<ConnectAuthoriser>().Decide(
            new ConnectRequest
            {
                Version = MqttVersion.V5, ClientId = "c", UserName = null, Password = null, CleanStart = false, KeepAliveSeconds = 60,
                SessionExpirySeconds = 60, ReceiveMaximum = 10, Will = null,
            },
            new ConnectionSource(Listener.Plain, null, "10.0.0.1"), "first", () => false);
        await asked.Task;
        var second = there.Connect("c", Persistent);
        Volatile.Write(ref works, true);
        await using var back = await second;
        Assert.True(back.Mqtt.Connection.SessionPresent);
        await publisher.Publish("t", "last");
        Assert.Equal(["1"], await back.Until("last"));
    }

    [Fact]
    public async Task A_will_goes_out_once_when_its_session_moves()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var watcher = await there.Connect("w");
        await watcher.Subscribe("will/#");
        await using var older = await here.Connect("c", o => o with { Will = new MqttWill(Will("now")) });
        await using var newer = await there.Connect("c", o => Persistent(o) with { CleanStart = true, Will = new MqttWill(Will("later"), DelaySeconds: 60) });
        Assert.Equal("now", Client.TextOf(await watcher.Next()));
        // This one's delay outlives the takeover.
        await using var newest = await here.Connect("c", Persistent);
        await newest.Publish("will/end", "end");
        Assert.Empty(await watcher.Until("end"));

        static MqttMessage Will(string payload) => new() { Topic = "will/c", Payload = System.Text.Encoding.UTF8.GetBytes(payload), Qos = Qos.AtLeastOnce };
    }

    [Fact]
    public async Task A_gateway_that_was_only_cut_off_ends_what_it_had_and_begins_anew()
    {
        var (here, there) = await _cluster.TwoGateways();
        var certificate = await _cluster.Device("amr-1");
        await using var watcher = await there.Connect("w");
        await watcher.Subscribe("will");
        await using var device = await here.Connect(certificate, "amr-1");
        await using var client = await here.Connect("c", o => o with { Will = new MqttWill(new MqttMessage { Topic = "will", Qos = Qos.AtLeastOnce }) });
        string before = here.Id;
        here.IsCutOff = true;
        await _cluster.FailOver(here);
        await Eventually.True(() => Connectivity("amr-1").Result == Interfaces.Devices.Connectivity.Disconnected);
        await using var newer = await there.Connect(certificate, "amr-1");

        here.IsCutOff = false;
        await here.Member.Beat();
        Assert.NotEqual(before, here.Id);
        await device.Mqtt.Closed.WaitAsync(TimeSpan.FromSeconds(20));
        await client.Mqtt.Closed.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(Interfaces.Devices.Connectivity.Connected, await Connectivity("amr-1"));
        Assert.True(newer.Mqtt.IsConnected);
        // It takes part again, and what it says of its old sessions, wills included, nobody hears.
        await _cluster.Meet();
        await using var publisher = await here.Connect("p");
        await publisher.Publish("will", "end");
        Assert.Empty(await watcher.Until("end"));
    }

    [Fact]
    public async Task A_revoked_certificate_ends_its_sessions_on_every_gateway_within_a_second()
    {
        var (_, there) = await _cluster.TwoGateways();
        var certificate = await _cluster.Device("amr-1");
        var other = await _cluster.Device("amr-2");
        await using var device = await there.Connect(certificate, "amr-1", Persistent);
        await using var well = await there.Connect(other, "amr-2");
        Assert.True(await _cluster.Grains.Factory.GetGrain<Interfaces.Certificates.ICertificateGrain>(certificate.Value).Revoke());
        Assert.Equal(ReasonCode.AdministrativeAction, (await device.Mqtt.Closed.WaitAsync(TimeSpan.FromSeconds(1))).ReasonCode);
        await Assert.ThrowsAnyAsync<Exception>(() => there.Connect(certificate, "amr-1"));
        Assert.True(well.Mqtt.IsConnected);
        Assert.Null(there.Service<SessionDirectory>().Find("amr-1"));
    }

    private async Task<Connectivity> Connectivity(string thing) => (await _cluster.Grains.Factory.GetGrain<IDeviceGrain>(thing).Get())!.Connectivity;

    /// <summary>Client <c>c</c> is away, and is owed <c>1</c> on <c>t</c>.</summary>
    /// <returns>Who has published it.</returns>
    private static async Task<Client> OneOwed(LiveGateway gateway)
    {
        var client = await gateway.Connect("c", Persistent);
        await client.Subscribe("t");
        await client.Mqtt.DisconnectAsync();
        var publisher = await gateway.Connect("p");
        await publisher.Publish("t", "1");
        return publisher;
    }
}
