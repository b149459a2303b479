using Fleet.Gateway.Directory;
using Fleet.Gateway.Messages;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Fleet.UnitTests.Storage;
using static Fleet.UnitTests.Gateway.Cluster.Client;

namespace Fleet.UnitTests.Gateway.Cluster;

public sealed class SessionFailoverOnSqlite : SessionFailoverTests<SqliteTestDatabase>;

public sealed class SessionFailoverOnPostgres : SessionFailoverTests<PostgresTestDatabase>;

/// <summary>A gateway dies: its persistent sessions go on elsewhere, and nothing that was acknowledged is lost.</summary>
public abstract class SessionFailoverTests<TDatabase> : IAsyncLifetime where TDatabase : TestDatabase, new()
{
    private readonly TDatabase _database = new();
    private ClusterUnderTest _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await ClusterUnderTest.Start(_database.Sessions);

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public Task A_session_goes_on_at_whichever_gateway_its_client_connects_to_next() => GoesOn(Qos.AtLeastOnce);

    [Fact]
    public Task It_does_with_QoS_2() => GoesOn(Qos.ExactlyOnce);

    private async Task GoesOn(Qos qos)
    {
        var (here, there) = await _cluster.TwoGateways();
        var third = await _cluster.Gateway();
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t", qos);
        await client.Mqtt.DisconnectAsync();
        await using var publisher = await there.Connect("p");
        await publisher.Publish("t", "before", qos);

        here.Kill();
        await _cluster.FailOver(here);
        // It is in a living gateway's subscription tree, and one after the other at both.
        await publisher.Publish("t", "while away", qos);
        await using (var back = await there.Connect("c", Persistent))
        {
            Assert.True(back.Mqtt.Connection.SessionPresent);
            Assert.Equal("before", Client.TextOf(await back.Next()));
            Assert.Equal("while away", Client.TextOf(await back.Next()));
        }
        await publisher.Publish("t", "again", qos);
        await using var further = await third.Connect("c", Persistent);
        Assert.True(further.Mqtt.Connection.SessionPresent);
        Assert.Equal("again", Client.TextOf(await further.Next()));
    }

    [Fact]
    public Task What_is_published_for_a_dead_gateway_is_acknowledged_when_its_successor_has_it_and_keeps_its_order() =>
        Waits(Qos.AtLeastOnce);

    [Fact]
    public Task So_it_is_with_QoS_2_and_comes_once() => Waits(Qos.ExactlyOnce);

    private async Task Waits(Qos qos)
    {
        var (here, there) = await _cluster.TwoGateways();
        var third = await _cluster.Gateway();
        LiveGateway[] living = [there, third];
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t/#", qos);
        await client.Mqtt.DisconnectAsync();
        // One more who wants all of it, at a gateway that lives: it has its messages at once, and still once.
        await using var other = await third.Connect("other");
        await other.Subscribe("t/#", qos);
        here.Kill();
        var published = living.Select(async (gateway, number) =>
        {
            await using var publisher = await gateway.Connect($"p-{number}");
            for (int i = 0; i < 20; i++) await publisher.Publish($"t/{number}", $"{number}:{i}", qos);
        }).ToArray();
        Assert.Equal(2, (await Texts(other, 2)).Count);
        Assert.DoesNotContain(published, task => task.IsCompleted);

        await _cluster.FailOver(here);
        await Task.WhenAll(published);
        await using var back = await third.Connect("c", Persistent);
        Assert.True(back.Mqtt.Connection.SessionPresent);
        Check(await Texts(back, 40));
        await using var last = await there.Connect("last");
        await last.Publish("t/0", "end", qos);
        Assert.Empty(await back.Until("end"));
        Assert.Equal(38, (await other.Until("end")).Count);

        static void Check(List<string> texts)
        {
            foreach (string number in (string[])["0", "1"])
                Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{number}:{i}"), texts.Where(text => text.StartsWith(number, StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task What_the_dead_gateway_had_stored_though_nobody_heard_so_does_not_come_twice()
    {
        var (here, there) = await _cluster.TwoGateways();
        var third = await _cluster.Gateway();
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t", Qos.ExactlyOnce);
        await using var publisher = await there.Connect("p");
        var stored = new TaskCompletionSource();
        there.OnForward = async send =>
        {
            var answer = await send();
            if (stored.Task.IsCompleted) return answer;
            here.Kill();
            stored.SetResult();
            throw new TimeoutException("lost on the way back");
        };
        var publishing = publisher.Publish("t", "once", Qos.ExactlyOnce);
        await stored.Task;
        // The client has had it, and said so: nothing of it is left in the store but how far that gateway had heard the other.
        Assert.Equal("once", Client.TextOf(await client.Next()));
        await client.DisposeAsync();
        await _cluster.FailOver(here);
        await publishing;
        await publisher.Publish("t", "end", Qos.ExactlyOnce);
        await using var back = await third.Connect("c", Persistent);
        Assert.True(back.Mqtt.Connection.SessionPresent);
        // PUBREC may not have been stored any more; the message's packet identifier was, so its client knows it by that.
        var came = await back.Until("end");
        Assert.True(came is [] or ["once"], string.Join(", ", came));
    }

    [Fact]
    public async Task A_gateway_of_the_same_name_is_the_successor_too()
    {
        var here = await _cluster.Gateway(options => options.Cluster.Name = "name");
        var there = await _cluster.Gateway();
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t");
        await client.Mqtt.DisconnectAsync();
        here.Kill();
        await using var publisher = await there.Connect("p");
        var first = publisher.Publish("t", "1");
        var again = await _cluster.Gateway(options => options.Cluster.Name = "name", dead: here);
        await first;
        await publisher.Publish("t", "2");
        await using var back = await there.Connect("c", Persistent);
        Assert.True(back.Mqtt.Connection.SessionPresent);
        Assert.Equal(["1", "2"], await Texts(back, 2));
        // It moved from there, and nothing of it is left there.
        await Eventually.True(() => again.Service<SessionDirectory>().Find("plain/c") is null);
    }

    [Fact]
    public async Task A_shared_subscription_of_the_dead_gateway_loses_nothing()
    {
        var (here, there) = await _cluster.TwoGateways();
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("$share/g/t");
        await client.Mqtt.DisconnectAsync();
        await using var publisher = await there.Connect("p");
        await publisher.Publish("t", "0");
        here.Kill();
        var waiting = publisher.Publish("t", "1");
        await _cluster.FailOver(here);
        await waiting;
        await publisher.Publish("t", "2");
        await using var back = await there.Connect("c", Persistent);
        Assert.Equal(["0", "1", "2"], await Texts(back, 3));
    }

    [Fact]
    public async Task A_client_whose_gateway_may_be_alive_still_is_told_to_try_again_and_loses_nothing()
    {
        var (here, there) = await _cluster.TwoGateways();
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t");
        await client.Mqtt.DisconnectAsync();
        here.Kill();
        foreach (bool clean in (bool[])[false, true])
        {
            var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => there.Connect("c", o => Persistent(o) with { CleanStart = clean }));
            Assert.Equal(ReasonCode.ServerUnavailable, refused.Result.ReasonCode);
        }
        // Who has left nothing begins anew at once.
        var nobody = await there.Connect("n");
        await nobody.DisposeAsync();
        await _cluster.FailOver(here);
        await using var back = await there.Connect("c", Persistent);
        Assert.True(back.Mqtt.Connection.SessionPresent);
    }

    [Fact]
    public async Task Its_will_goes_out_once_when_its_delay_is_over_and_not_if_its_client_is_back()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var watcher = await there.Connect("w");
        await watcher.Subscribe("will/#");
        await using var now = await here.Connect("a", o => Persistent(o) with { Will = Will("a", 0) });
        await using var later = await here.Connect("b", o => Persistent(o) with { Will = Will("b", 3_000) });
        here.Kill();
        await _cluster.FailOver(here);
        Assert.Equal("a", Client.TextOf(await watcher.Next()));
        await using var back = await there.Connect("b", Persistent);
        await using var also = await there.Connect("a", Persistent);
        await also.Publish("will/end", "end");
        Assert.Empty(await watcher.Until("end"));

        static MqttWill Will(string payload, uint delay) =>
            new(new MqttMessage { Topic = $"will/{payload}", Payload = System.Text.Encoding.UTF8.GetBytes(payload), Qos = Qos.AtLeastOnce }, DelaySeconds: delay);
    }

    [Fact]
    public async Task A_gateway_whose_sessions_are_another_s_ends_them_as_soon_as_the_store_says_so()
    {
        var (here, there) = await _cluster.TwoGateways();
        await using var client = await here.Connect("c", Persistent);
        await client.Subscribe("t");
        await using var publisher = await here.Connect("p");
        string before = here.Id;
        here.IsCutOff = true;
        await _cluster.FailOver(here);
        await Eventually.True(() => there.Service<SessionDirectory>().Find("plain/c") is not null);
        // It has not heard of its death; but what it would store is refused, and so is its publisher.
        var code = ReasonCode.UnspecifiedError;
        try
        {
            code = await publisher.Mqtt.PublishAsync(new MqttMessage { Topic = "t", Payload = "x"u8.ToArray(), Qos = Qos.AtLeastOnce });
        }
        catch (MqttConnectionLostException)
        {
            // The end of the connection came first.
        }
        Assert.NotEqual(ReasonCode.Success, code);
        await client.Mqtt.Closed.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.NotEqual(before, here.Id);
    }

    [Fact]
    public async Task A_successor_that_dies_has_a_successor()
    {
        var (here, there) = await _cluster.TwoGateways();
        var third = await _cluster.Gateway();
        var client = await here.Connect("c", Persistent);
        await client.Subscribe("t");
        await client.Mqtt.DisconnectAsync();
        await using (var publisher = await there.Connect("p")) await publisher.Publish("t", "1");
        here.Kill();
        await _cluster.FailOver(here);
        var successor = there.Service<SessionDirectory>().Find("plain/c") is null ? third : there;
        var last = successor == there ? third : there;
        await using var other = await last.Connect("q");
        await other.Publish("t", "2");
        successor.Kill();
        await _cluster.FailOver(here, successor);
        await other.Publish("t", "3");
        await using var back = await last.Connect("c", Persistent);
        Assert.Equal(["1", "2", "3"], await Texts(back, 3));
    }

    private static async Task<List<string>> Texts(Client client, int count)
    {
        List<string> texts = [];
        while (texts.Count < count) texts.Add(Client.TextOf(await client.Next()));
        return texts;
    }
}
