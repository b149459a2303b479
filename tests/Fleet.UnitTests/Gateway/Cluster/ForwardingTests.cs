using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>Publish on one gateway, subscribe on another: over sockets, and over roads that fail.</summary>
public sealed class ForwardingTests : IAsyncLifetime
{
    private ClusterUnderTest _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await ClusterUnderTest.Start();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_message_reaches_each_subscriber_once_wherever_it_is()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        await using var near = await here.Connect("near");
        await using var far = await there.Connect("far");
        await near.Subscribe("a/+");
        // Overlapping filters: several routes of one gateway, one copy.
        foreach (string filter in new[] { "a/b", "a/+", "#" }) await far.Subscribe(filter);
        await publisher.Publish("a/b", "1");
        await publisher.Publish("a/b", "2", Qos.AtMostOnce);
        await publisher.Publish("a/b", "end");
        Assert.Equal(["1", "2"], await near.Until("end"));
        Assert.Equal(["1", "2"], await far.Until("end"));
    }

    [Fact]
    public async Task What_travels_with_a_message_arrives_with_it()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        await using var far = await there.Connect("far");
        await far.Mqtt.SubscribeAsync([new Subscription("a", Qos.AtLeastOnce) { RetainAsPublished = true, NoLocal = true }]);
        Assert.Equal(ReasonCode.Success, await publisher.Mqtt.PublishAsync(new MqttMessage
        {
            Topic = "a", Payload = "x"u8.ToArray(), Qos = Qos.AtLeastOnce, Retain = true, MessageExpirySeconds = 100, ContentType = "text/plain",
        }));
        var message = await far.Next();
        Assert.Equal((true, "text/plain", Qos.AtLeastOnce), (message.Retain, message.ContentType, message.Qos));
        Assert.InRange(message.MessageExpirySeconds!.Value, 90u, 100u);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public async Task Roads_that_fail_before_or_after_delivery_lose_nothing_and_repeat_nothing(int seed)
    {
        var (here, there) = await _cluster.TwoGateways();
        var random = new Random(seed);
        here.OnForward = async send =>
        {
            int fate;
            lock (random) fate = random.Next(4);
            if (fate == 0) throw new TimeoutException("lost on the way there");
            var answer = await send();
            return fate == 1 ? throw new TimeoutException("lost on the way back") : answer;
        };
        await using var publisher = await here.Connect("p");
        await using var far = await there.Connect("far");
        await far.Subscribe("t/#");
        // Many at a time, and no more than the server takes: beyond that the client would not keep their order.
        foreach (int[] some in Enumerable.Range(0, 200).Chunk(50)) await Task.WhenAll(some.Select(i => publisher.Publish($"t/{i % 3}", $"{i}")));
        await publisher.Publish("t/end", "end");
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}"), await far.Until("end"));
    }

    [Fact]
    public async Task The_publisher_is_acknowledged_when_the_other_gateway_has_the_message()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        await using var far = await there.Connect("far");
        await far.Subscribe("a");
        var road = new TaskCompletionSource();
        here.OnForward = async send =>
        {
            await road.Task;
            return await send();
        };
        var published = publisher.Publish("a", "x");
        // Another message, which nobody elsewhere wants, is acknowledged meanwhile: but after the first, as MQTT has it; one of QoS 0 is simply sent.
        await using var other = await here.Connect("q");
        await other.Publish("b", "y");
        Assert.False(published.IsCompleted);
        road.SetResult();
        await published;
        Assert.Equal("x", Client.TextOf(await far.Next()));
    }

    [Fact]
    public async Task A_subscription_is_acknowledged_when_the_other_gateways_know_of_it()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var far = await there.Connect("far");
        var road = new TaskCompletionSource();
        there.OnForward = async send =>
        {
            await road.Task;
            return await send();
        };
        var subscribed = far.Subscribe("a");
        await using var publisher = await here.Connect("p");
        await publisher.Publish("a", "too early");
        Assert.False(subscribed.IsCompleted);
        road.SetResult();
        await subscribed;
        await publisher.Publish("a", "in time");
        Assert.Equal("in time", Client.TextOf(await far.Next()));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_waits_for_a_member_of_a_shared_subscription_goes_to_one_elsewhere_when_its_session_ends(bool endsHere)
    {
        var (here, there) = await _cluster.TwoGateways();
        var member = await here.Connect("m-1", Client.Persistent);
        await member.Subscribe("$share/g/t");
        await member.Mqtt.DisconnectAsync();
        await using var publisher = await there.Connect("p");
        await publisher.Publish("t", "1");
        await publisher.Publish("t", "2");
        await using var other = await there.Connect("m-2");
        await other.Subscribe("$share/g/t");
        await using var clean = await (endsHere ? here : there).Connect("m-1", o => o with { CleanStart = true });
        Assert.Equal(["1", "2"], [Client.TextOf(await other.Next()), Client.TextOf(await other.Next())]);
    }

    [Fact]
    public async Task A_shared_subscription_has_one_receiver_in_the_cluster()
    {
        var (first, second) = await _cluster.TwoGateways();
        var third = await _cluster.Gateway();
        Client[] members = [await first.Connect("m-1"), await second.Connect("m-2"), await second.Connect("m-3"), await third.Connect("m-4")];
        foreach (var member in members) await member.Subscribe("$share/g/t/#");
        foreach (var member in members) await member.Subscribe("end");
        await using var all = await third.Connect("all");
        await all.Subscribe("t/#");
        await all.Subscribe("end");
        await using (var a = await first.Connect("p-1"))
        await using (var b = await second.Connect("p-2"))
        {
            for (int i = 0; i < 60; i++) await (i % 2 == 0 ? a : b).Publish($"t/{i}", $"{i}");
            // After what each of the two has sent before, on the roads that it took.
            await a.Publish("end", "end");
            await b.Publish("end", "end");
        }
        List<string> received = [];
        foreach (var member in members)
        {
            var mine = (await member.Until("end")).Concat(await member.Until("end")).ToList();
            Assert.NotEmpty(mine);
            received.AddRange(mine);
        }
        Assert.Equal(Enumerable.Range(0, 60), received.Select(int.Parse).Order());
        Assert.Equal(60, (await all.Until("end")).Count + (await all.Until("end")).Count);
        foreach (var member in members) await member.DisposeAsync();
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_costs_memory_up_to_a_limit_and_nobody_else_a_thing()
    {
        var here = await _cluster.Gateway(options => options.Cluster.MaxForwardBytes = 65_536);
        var (silent, lively) = (await _cluster.Gateway(), await _cluster.Gateway());
        await using var publisher = await here.Connect("p");
        await using var lost = await silent.Connect("lost");
        await using var well = await lively.Connect("well");
        await lost.Subscribe("t/silent");
        await well.Subscribe("t/lively");
        var road = new TaskCompletionSource();
        var link = here.Peers.Find(silent.Id)!.Link;
        here.OnForward = async send =>
        {
            // The road to one of the two is blocked as long as something is on it.
            if (link.Bytes > 0 && !road.Task.IsCompleted) await road.Task;
            return await send();
        };
        List<Task<ReasonCode>> published = [];
        for (int i = 0; i < 20; i++)
            published.Add(publisher.Mqtt.PublishAsync("t/silent", new byte[10_000], Qos.AtLeastOnce));
        await Eventually.True(() => link.Bytes > 50_000);
        Assert.InRange(link.Bytes, 50_000, 65_536);
        road.SetResult();
        var codes = await Task.WhenAll(published);
        Assert.Contains(ReasonCode.QuotaExceeded, codes);
        Assert.Equal(codes.Count(code => code == ReasonCode.Success), (await Drain(lost, publisher)).Count);
        await publisher.Publish("t/lively", "x");
        Assert.Equal("x", Client.TextOf(await well.Next()));
    }

    [Fact]
    public async Task A_will_goes_to_everybody_while_one_link_is_full_and_through_that_link_behind_what_filled_it()
    {
        var here = await _cluster.Gateway(options => options.Cluster.MaxForwardBytes = 65_536);
        var (silent, lively) = (await _cluster.Gateway(), await _cluster.Gateway());
        await using var publisher = await here.Connect("p");
        await using var near = await here.Connect("near");
        await using var well = await lively.Connect("well");
        await using var late = await silent.Connect("late");
        await near.Subscribe("will/#");
        await well.Subscribe("will/#");
        await late.Subscribe("#");
        var road = new TaskCompletionSource();
        here.Block(silent, road.Task);
        List<Task<ReasonCode>> filling = [];
        for (int i = 0; i < 6; i++) filling.Add(publisher.Mqtt.PublishAsync("filling", new byte[10_000], Qos.AtLeastOnce));
        await Eventually.True(() => here.Peers.Find(silent.Id)!.Link.Bytes > 60_000);
        var will = new MqttWill(new MqttMessage { Topic = "will/dying", Payload = new byte[8_000], Qos = Qos.AtLeastOnce });
        await using var dying = await here.Connect("dying", o => o with { Will = will });
        dying.Mqtt.Abort();
        Assert.Equal("will/dying", (await near.Next()).Topic);
        Assert.Equal("will/dying", (await well.Next()).Topic);
        road.SetResult();
        Assert.All(await Task.WhenAll(filling), code => Assert.Equal(ReasonCode.Success, code));
        for (int i = 0; i < 6; i++) Assert.Equal("filling", (await late.Next()).Topic);
        Assert.Equal("will/dying", (await late.Next()).Topic);
    }

    [Fact]
    public async Task Nobody_waits_for_a_gateway_that_has_died()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var publisher = await here.Connect("p");
        await using var far = await there.Connect("far");
        await far.Subscribe("a");
        here.OnForward = _ => new TaskCompletionSource<PeerAnswer>().Task;
        var published = publisher.Publish("a", "x");
        there.IsCutOff = true;
        await _cluster.FailOver(there);
        await published;
        // Its routes are gone too.
        Assert.False(here.Service<Fleet.Gateway.Routing.Broker>().HasSubscribers("a"u8));
    }

    private static async Task<List<string>> Drain(Client client, Client publisher)
    {
        await publisher.Publish("t/silent", "end");
        return await client.Until("end");
    }
}
