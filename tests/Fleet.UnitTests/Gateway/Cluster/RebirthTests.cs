using Fleet.Gateway;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using static Fleet.UnitTests.Gateway.Cluster.Client;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>A gateway that was taken for dead begins anew: nothing of its life before says anything about the one that follows.</summary>
public sealed class RebirthTests : IAsyncLifetime
{
    private ClusterUnderTest _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await ClusterUnderTest.Start();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_gateway_that_begins_anew_acknowledges_nothing_before_it_knows_what_the_others_want()
    {
        var (here, there) = await _cluster.TwoGateways();
        var subscriber = await there.Connect("s", Persistent);
        await subscriber.Subscribe("t");
        await subscriber.Mqtt.DisconnectAsync();
        string before = here.Id;
        here.IsCutOff = true;
        await _cluster.FailOver(here);
        var road = new TaskCompletionSource();
        there.OnForward = async send =>
        {
            await road.Task;
            return await send();
        };
        here.IsCutOff = false;
        await BeginsAnew(here, before);
        var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => here.Connect("p"));
        Assert.Equal(ReasonCode.ServerUnavailable, refused.ReasonCode);
        road.SetResult();
        await here.Service<GatewayIdentity>().Begun.WaitAsync(TimeSpan.FromSeconds(20));
        await using (var publisher = await here.Connect("p")) await publisher.Publish("t", "1");
        await _cluster.Meet();
        await using var other = await there.Connect("other");
        await other.Publish("t", "last");
        await using var back = await there.Connect("s", Persistent);
        Assert.True(back.Mqtt.Connection.SessionPresent);
        Assert.Equal(["1"], await back.Until("last"));
    }

    [Fact]
    public async Task A_gateway_that_begins_anew_acknowledges_nothing_that_nobody_will_have()
    {
        var (here, there) = await _cluster.TwoGateways();
        var subscriber = await there.Connect("s", Persistent);
        await subscriber.Subscribe("t");
        await subscriber.Mqtt.DisconnectAsync();
        // While the first of its sessions ends, the publisher's is still there.
        Client? publisher = null;
        Exception? outcome = null;
        var first = new Ending(() =>
            outcome = Task.Run(async () => await Record.ExceptionAsync(() => publisher!.Publish("t", "1"))).GetAwaiter().GetResult());
        here.Service<SessionDirectory>().Attach(first, GatewayParts.Plain("first"), new SessionTerms(true, 0, 10, null), 0, out _);
        publisher = await here.Connect("p");
        string before = here.Id;
        here.IsCutOff = true;
        await _cluster.FailOver(here);
        here.IsCutOff = false;
        await BeginsAnew(here, before);
        await Eventually.True(() => outcome is not null);
        Assert.IsType<MqttConnectionLostException>(outcome);
        await publisher.DisposeAsync();
    }

    [Fact]
    public async Task What_a_gateway_was_about_to_inherit_when_it_was_taken_for_dead_is_its_successor_s()
    {
        var parts = new GatewayParts();
        string old = parts.Gateway.Id;
        var dead = await parts.Sessions.Begin("dead", null, default);
        var batch = new SessionBatch();
        batch.Sessions.Add(new SessionRow
        {
            Id = dead.Number.Value << 42, Key = "plain/p", Epoch = new(1), Kind = "plain", ClientId = "p", ConnectionId = "s", RemoteAddress = "10.0.0.1", Gateway = "dead",
            Thing = null, Certificate = null, Operator = null, Template = null, ExpirySeconds = 60, DisconnectedAt = null, MaybeSent = 0, Will = null,
        });
        Assert.True(await parts.Sessions.Write(dead.Number, batch, default));
        var store = new SlowToTake(parts.Sessions);
        var failover = new SessionFailover(
            new FailoverStore(store, parts.Journal), parts.Restore, parts.TakenOver, parts.Journal, parts.Broker, parts.Routes, parts.Peers, parts.Gateway, parts.Clock,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<SessionFailover>.Instance);
        await failover.Begin(null, default);
        failover.TakeOverFrom("dead");
        await store.Asked.Task;
        // As ClusterMember.BeginAnew; its successor has it all.
        parts.Gateway.Renew();
        parts.Journal.Close();
        failover.Clear();
        parts.Directory.Abandon(EndCause.Fenced);
        parts.SessionHandoff.Clear();
        var successor = await parts.Sessions.Begin("successor", null, default);
        await parts.Sessions.Inherit(successor.Number, old, default);
        Assert.Single((await parts.Sessions.Inherit(successor.Number, "dead", default))!.Sessions.Sessions);
        await failover.Begin(null, default);
        store.Release.SetResult();
        while (failover.IsLoading)
        {
            parts.Time.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }
        Assert.Null(parts.Directory.Find("plain/p"));
        Assert.NotEqual(parts.Gateway.Id, await parts.Sessions.FindGateway("plain/p", default));
    }

    /// <summary>It has heard of its death; the beat in which it did may be an older one than ours.</summary>
    private static async Task BeginsAnew(LiveGateway gateway, string before)
    {
        while (gateway.Id == before)
        {
            await gateway.Member.Beat();
            await Task.Yield();
        }
    }

    private sealed class Ending(Action end) : ISessionConnection
    {
        public bool IsHeld => false;

        public void Wake() { }

        public void End(EndCause cause) => end();
    }

    private sealed class SlowToTake(ISessionStore store) : ISessionStore
    {
        public TaskCompletionSource Asked { get; } = new();
        public TaskCompletionSource Release { get; } = new();

        public Task<OwningGateway> Begin(string gatewayId, string? name, CancellationToken cancellation) => store.Begin(gatewayId, name, cancellation);
        public Task<StoredSessions> Load(OwnerNumber owner, CancellationToken cancellation) => store.Load(owner, cancellation);
        public Task<bool> Write(OwnerNumber owner, SessionBatch batch, CancellationToken cancellation) => store.Write(owner, batch, cancellation);
        public Task<Inheritance?> Inherit(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation) => store.Inherit(owner, deadGatewayId, cancellation);
        public Task<IReadOnlyList<SupersededSession>> FindSuperseded(OwnerNumber owner, CancellationToken cancellation) =>
            store.FindSuperseded(owner, cancellation);
        public Task CompleteFailover(string deadGatewayId, CancellationToken cancellation) =>
            store.CompleteFailover(deadGatewayId, cancellation);
        public Task<string?> FindGateway(string key, CancellationToken cancellation) => store.FindGateway(key, cancellation);

        public async Task<bool> TakeOver(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation)
        {
            if (Asked.TrySetResult())
            {
                await Release.Task;
                throw new TimeoutException("The store does not answer.");
            }
            return await store.TakeOver(owner, deadGatewayId, cancellation);
        }
    }
}
