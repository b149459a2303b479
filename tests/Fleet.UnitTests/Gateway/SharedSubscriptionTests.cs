using Fleet.Mqtt;
using Fleet.UnitTests.Gateway.Journal;

namespace Fleet.UnitTests.Gateway;

/// <summary>What becomes of a shared subscription's message when its member's session ends. MQTT 5.0, 4.8.2.</summary>
public sealed class SharedSubscriptionTests
{
    private const string Share = "$share/g/t";

    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private readonly MemorySessionStore _store = new();
    private GatewayParts _parts;

    public SharedSubscriptionTests() => _parts = new GatewayParts(sessions: _store);

    [Fact]
    public void With_QoS_1_it_goes_to_another_member_until_it_is_acknowledged()
    {
        var first = Member("first", Qos.AtLeastOnce);
        Publish(Qos.AtLeastOnce, "acknowledged", "sent");
        Assert.Equal(["t=acknowledged q1#1", "t=sent q1#2"], first.ReadMessages());
        var second = Member("second", Qos.AtLeastOnce);
        first.Send("40 02 00 01");
        Assert.Empty(second.ReadMessages());
        first.Lose();
        Assert.Equal(["t=sent q1#1"], second.ReadMessages());
    }

    [Fact]
    public void With_QoS_2_it_does_only_if_it_was_not_sent()
    {
        // CONNECT of 5.0 with receive maximum 1.
        var first = TestClient.Connected(
            _parts, GatewayParts.Plain("first"), connect: "10 11 00 04 4D 51 54 54 05 02 00 3C 03 21 00 01 00 01 70");
        first.Subscribed(Share, Qos.ExactlyOnce);
        Publish(Qos.ExactlyOnce, "sent", "waits");
        Assert.Equal(["t=sent q2#1"], first.ReadMessages());
        var second = Member("second", Qos.ExactlyOnce);
        first.Lose();
        Assert.Equal(["t=waits q2#1"], second.ReadMessages());
    }

    [Fact]
    public void What_its_member_refuses_is_given_to_nobody()
    {
        var first = Member("first", Qos.AtLeastOnce);
        Publish(Qos.AtLeastOnce, "x");
        Assert.Equal(["t=x q1#1"], first.ReadMessages());
        var second = Member("second", Qos.AtLeastOnce);
        first.Send("40 04 00 01 87 00");
        first.Lose();
        Assert.Empty(second.ReadMessages());
    }

    [Fact]
    public void It_goes_to_a_member_of_the_same_subscription_at_the_QoS_that_this_one_was_granted()
    {
        var first = Member("first", Qos.AtLeastOnce);
        first.Subscribed("t", Qos.AtLeastOnce);
        Publish(Qos.AtLeastOnce, "x");
        Assert.Equal(2, first.ReadMessages().Count);
        var (second, other, plain) = (Member("second", Qos.AtMostOnce), TestClient.Connected(_parts, GatewayParts.Plain("o")), Client("plain"));
        other.Subscribed("$share/g/+", Qos.AtLeastOnce);
        plain.Subscribed("t", Qos.AtLeastOnce);
        first.Lose();
        Assert.Equal(["t=x"], second.ReadMessages());
        Assert.Empty(other.ReadMessages());
        Assert.Empty(plain.ReadMessages());
    }

    [Fact]
    public void What_an_absent_member_is_owed_goes_to_another_when_its_time_is_up()
    {
        Absent();
        Publish(Qos.AtLeastOnce, "1", "2");
        var second = Member("second", Qos.AtLeastOnce);
        Expire();
        Assert.Equal(["t=1 q1#1", "t=2 q1#2"], second.ReadMessages());
    }

    [Fact]
    public async Task So_it_does_after_a_kill_and_the_store_hears_of_both_at_once()
    {
        Absent();
        Publish(Qos.AtLeastOnce, "1");
        await Kill();
        _parts.Time.Advance(TimeSpan.FromSeconds(10));
        var second = Client("second", Persistent);
        second.Subscribed(Share, Qos.AtLeastOnce);
        second.Lose();
        await _parts.Journal.Flushed();
        Assert.Equal(["1"], _store.Owed("plain/first"));
        // The second left later, and is there yet.
        Expire(51);
        await _parts.Journal.Flushed();
        var batch = Assert.Single(_store.Batches, batch => batch.RemovedSessions.Count > 0);
        Assert.Single(batch.Deliveries);
        Assert.Equal(["1"], _store.Owed("plain/second"));
        Assert.Equal(1, _store.MessageCount);
        await Kill();
        Assert.Equal(["t=1 q1#1"], TestClient.Connected(_parts, GatewayParts.Plain("second"), connect: Persistent, readAll: false).ReadMessages());
    }

    [Fact]
    public async Task A_session_that_is_over_at_the_start_leaves_its_messages_to_one_that_is_not()
    {
        Absent();
        var second = Client("second", Persistent.Replace("11 00 00 00 3C", "11 00 00 0E 10", StringComparison.Ordinal));
        Publish(Qos.AtLeastOnce, "1");
        second.Subscribed(Share, Qos.AtLeastOnce);
        second.Lose();
        await _parts.Journal.Flushed();
        _parts.Journal.Close();
        _parts = new GatewayParts(sessions: _store, start: _parts.Time.GetUtcNow().AddMinutes(5));
        await _parts.Journal.Flushed();
        Assert.Equal(["1"], _store.Owed("plain/second"));
        Assert.Null(_store.Session("plain/first"));
    }

    private TestClient Client(string clientId, string? connect = null) =>
        TestClient.Connected(_parts, GatewayParts.Plain(clientId), connect: connect);

    private TestClient Member(string clientId, Qos qos)
    {
        var member = Client(clientId);
        member.Subscribed(Share, qos);
        return member;
    }

    /// <summary>A member whose session lasts a minute more.</summary>
    private void Absent()
    {
        var first = Client("first", Persistent);
        first.Subscribed(Share, Qos.AtLeastOnce);
        first.Lose();
    }

    private void Publish(Qos qos, params string[] payloads)
    {
        var publisher = Client("publisher");
        for (int i = 0; i < payloads.Length; i++)
        {
            publisher.Publish("t", payloads[i], qos, (ushort)(i + 1));
            Assert.NotEqual("", publisher.ReadHex());
        }
    }

    private void Expire(int seconds = 61)
    {
        _parts.Time.Advance(TimeSpan.FromSeconds(seconds));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
    }

    private async Task Kill()
    {
        await _parts.Journal.Flushed();
        _parts.Journal.Close();
        _parts = new GatewayParts(sessions: _store, start: _parts.Time.GetUtcNow());
    }
}
