using Fleet.Gateway.Channels;
using Fleet.Gateway.Messages;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Journal;

/// <summary>What the store, or an answer that comes after a restart, takes back: a subscription, a session, room in a queue.</summary>
public sealed class RefusedBySessionStoreTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly MemorySessionStore _store = new();
    private GatewayParts _parts;

    public RefusedBySessionStoreTests() => _parts = Begin();

    [Fact]
    public async Task A_subscription_that_cannot_be_stored_is_none()
    {
        var client = Connect();
        await Fail(client, () => client.Subscribe("t", Qos.AtLeastOnce));
        Assert.EndsWith(" 83", client.ReadHex(), StringComparison.Ordinal);
        Assert.False(_parts.Broker.HasSubscribers("t"u8));
        // The store still fails: what it would refuse is not begun.
        client.Subscribe("u", Qos.AtLeastOnce);
        Assert.EndsWith(" 83", client.ReadHex(), StringComparison.Ordinal);
        Assert.False(_parts.Broker.HasSubscribers("u"u8));
        await Mend();
        Restart();
        Assert.False(_parts.Broker.HasSubscribers("t"u8));
        Assert.NotNull(_parts.Directory.Find("plain/p"));
    }

    [Fact]
    public async Task A_change_of_a_subscription_that_cannot_be_stored_leaves_it_as_it_was()
    {
        var client = Connect();
        client.Subscribed("t", Qos.AtLeastOnce);
        // Two on their way, and one that takes it away: none of them is stored.
        await Fail(client, () =>
        {
            client.Subscribe("t", Qos.ExactlyOnce);
            client.Subscribe("t", Qos.AtMostOnce);
            client.Send("A2 06 00 0A 00 00 01 74");
        });
        Assert.Contains("B0", client.ReadHex(), StringComparison.Ordinal);
        Assert.Equal(Qos.AtLeastOnce, client.Session.Subscriptions.BestQos("t"));
        await Mend();
        Restart();
        Assert.Equal(Qos.AtLeastOnce, _parts.Directory.Find("plain/p")!.Subscriptions.BestQos("t"));
    }

    [Fact]
    public async Task A_session_ends_when_its_certificate_was_revoked_while_the_gateway_was_down()
    {
        string good = new('a', 64), bad = new('b', 64);
        foreach (string thing in (string[])["amr-1", "amr-2"])
        {
            var device = TestClient.Connected(_parts, GatewayParts.Device(thing, thing == "amr-1" ? good : bad), connect: Persistent);
            device.Subscribed($"fleet/{thing}/#", Qos.AtLeastOnce);
        }
        Restart();
        using var stopping = new CancellationTokenSource();
        var asked = new TaskCompletionSource();
        int calls = 0;
        _parts.Grains.On<ICertificateGrain>(nameof(ICertificateGrain.Get), (id, _) =>
        {
            // The first is asked for again when a silo answers.
            if (++calls == 1) return Task.FromException<CertificateView?>(new TimeoutException());
            if (calls == 3) asked.SetResult();
            return Task.FromResult<CertificateView?>(ViewOf(id, id == good ? CertificateStatus.Active : CertificateStatus.Revoked));
        });
        var checking = _parts.Certificates.Run(stopping.Token);
        Assert.NotNull(_parts.Directory.Find("amr-2"));
        await Until(asked.Task);
        await stopping.CancelAsync();
        await checking;
        Assert.NotNull(_parts.Directory.Find("amr-1"));
        Assert.Null(_parts.Directory.Find("amr-2"));
        Assert.False(_parts.Broker.HasSubscribers("fleet/amr-2/x"u8));
        Restart();
        Assert.Null(_parts.Directory.Find("amr-2"));
    }

    [Theory, InlineData(Qos.AtLeastOnce), InlineData(Qos.ExactlyOnce)]
    public async Task What_has_expired_makes_room_in_the_full_queue_of_an_absent_client(Qos qos)
    {
        var client = Connect();
        client.Subscribed("t", Qos.ExactlyOnce);
        client.Lose();
        Publish("stays", qos);
        Publish("expires", qos, seconds: 10);
        Publish("stays too", qos);
        Publish("no room", qos);
        _parts.Time.Advance(TimeSpan.FromSeconds(11));
        Publish("takes its place", qos);
        Publish("no room either", qos);
        string[] left = ["stays", "stays too", "takes its place"];
        await _parts.Journal.Flushed();
        Assert.Equal(left, _store.Owed("plain/p"));
        Restart();
        Assert.Equal(left, Connect().ReadMessages().Select(message => message[2..message.LastIndexOf(" q", StringComparison.Ordinal)]));
    }

    private GatewayParts Begin(DateTimeOffset? start = null) => new(options => options.Sessions.MaxQueuedMessages = 3, _store, start);

    private TestClient Connect() => TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent, readAll: false);

    private void Publish(string payload, Qos qos, int? seconds = null) => _ = _parts.Broker.Publish(new Publication(
        "t"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes(payload), qos, retain: false, default,
        seconds is { } s ? _parts.Clock.NowMs + (s * 1000L) : null));

    /// <summary>The store fails while what <paramref name="ask"/> asks for is on its way there, and goes on failing.</summary>
    private async Task Fail(TestClient client, Action ask)
    {
        _store.Hold();
        ask();
        var asked = client.Effects.OfType<ChannelEffect.AwaitRoutes>().ToArray();
        Assert.NotEmpty(asked);
        _store.Failure = new IOException("disk full");
        _store.Release();
        await Task.WhenAll(asked.Select(effect => effect.Known));
        // The next attempt waits here.
        _store.Hold();
    }

    private async Task Mend()
    {
        _store.Failure = null;
        _store.Release();
        await Until(_parts.Journal.Flushed());
    }

    /// <summary>Time passes until it is done.</summary>
    private async Task Until(Task done)
    {
        for (; !done.IsCompleted; await Task.Yield()) _parts.Time.Advance(TimeSpan.FromSeconds(1));
    }

    private void Restart()
    {
        _parts.Journal.Flushed().GetAwaiter().GetResult();
        _parts.Journal.Close();
        _parts = Begin(_parts.Time.GetUtcNow());
    }

    private static CertificateView ViewOf(string id, CertificateStatus status)
    {
        Assert.True(CertificateId.TryParse(id, out var certificate));
        return new CertificateView
        {
            Id = certificate,
            Kind = CertificateKind.Device,
            Status = status,
            SerialNumber = "1",
            NotBefore = default,
            NotAfter = default,
            Thing = null,
            Template = null,
            Label = null,
            Der = [],
            CreatedAt = default,
        };
    }
}
