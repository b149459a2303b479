using System.Text;
using Fleet.Gateway;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Gateway.Journal;

public sealed class SessionJournalTests
{
    private readonly MemorySessionStore _store = new();
    private readonly FakeTimeProvider _time = new();
    private readonly JournalOptions _options = new() { JournalWindowMilliseconds = 0, MaxJournalBytes = 1_000 };
    private readonly SessionJournal _journal;
    private readonly StoredSession _session;

    public SessionJournalTests()
    {
        _journal = new SessionJournal(_store, Options.Create(_options), new GatewayClock(_time), NullLogger<SessionJournal>.Instance);
        _journal.Open(_store.Begin("g", "here", default).Result.Number);
        _session = _journal.NewSession();
    }

    [Fact]
    public async Task A_change_is_durable_when_its_page_is_written_and_wakes_who_waits_for_it()
    {
        _store.Hold();
        var owner = new Woken();
        var position = Put();
        Assert.Equal(JournalOutcome.Waiting, _journal.Look(position, owner));
        Assert.Equal(0, owner.Times);
        var durable = _journal.WhenDurable(position);
        _store.Release();
        Assert.True(await durable);
        await _journal.Flushed();
        Assert.Equal(JournalOutcome.Durable, _journal.Look(position));
        Assert.Equal(1, owner.Times);
        Assert.NotNull(_store.Session("k"));
    }

    [Fact]
    public async Task When_nothing_is_noted_since_it_began_all_of_that_is_durable() =>
        Assert.True(await _journal.WhenDurable(_journal.Position));

    [Fact]
    public async Task What_comes_while_a_page_is_written_shares_the_next_one()
    {
        await Held();
        var messages = Enumerable.Range(0, 10).Select(i => Note($"m{i}")).ToArray();
        Assert.Single(messages.Select(note => note.Position).Distinct());
        _store.Release();
        await _journal.Flushed();
        Assert.Equal([1, 10], _store.Batches.Select(batch => batch.Deliveries.Count + batch.Sessions.Count));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"m{i}"), _store.Owed("k"));
    }

    [Fact]
    public async Task What_is_acknowledged_before_its_page_is_cut_is_never_written()
    {
        await Held();
        var (delivery, position) = Note("gone");
        Note("stays");
        _journal.Finish(delivery);
        _store.Release();
        Assert.True(await _journal.WhenDurable(position));
        Assert.Equal(["stays"], _store.Owed("k"));
        Assert.DoesNotContain(_store.Batches, batch => batch.Messages.Count > 1 || batch.RemovedDeliveries.Count > 0);
    }

    [Fact]
    public async Task What_is_acknowledged_before_it_was_noted_is_not_written_and_its_position_passes()
    {
        var message = Message("x");
        var delivery = new StoredDelivery(_session, 1, message, Qos.AtLeastOnce, false, 0, default);
        _journal.Finish(delivery);
        Assert.True(await _journal.WhenDurable(_journal.Note(message, [delivery])));
        Assert.Empty(_store.Batches);
    }

    [Fact]
    public async Task A_body_is_written_once_and_goes_with_the_last_who_was_owed_it()
    {
        var other = _journal.NewSession();
        var message = Message("x");
        StoredDelivery[] deliveries = [.. ((StoredSession[])[_session, other])
            .Select(session => new StoredDelivery(session, 1, message, Qos.AtLeastOnce, false, 0, default))];
        await _journal.WhenDurable(_journal.Note(message, [.. deliveries]));
        Assert.Equal(1, _store.MessageCount);
        _journal.Finish(deliveries[0]);
        await _journal.Flushed();
        Assert.Equal(1, _store.MessageCount);
        _journal.Finish(deliveries[1]);
        await _journal.Flushed();
        Assert.Equal(0, _store.MessageCount);
    }

    [Fact]
    public async Task A_QoS_2_message_and_its_packet_identifier_are_durable_together()
    {
        await Held();
        var message = Message("x");
        var position = _journal.Note(
            message, [new StoredDelivery(_session, 1, message, Qos.ExactlyOnce, false, 5, default)], _session, 77);
        _store.Release();
        await _journal.WhenDurable(position);
        var batch = _store.Batches[^1];
        Assert.Equal((1, 77), (batch.Deliveries.Count, Assert.Single(batch.Received).PacketId));
        await _journal.WhenDurable(_journal.PubRel(_session, 77));
        Assert.Equal(77, Assert.Single(_store.Batches[^1].RemovedReceived).PacketId);
    }

    [Fact]
    public async Task After_PUBREC_only_the_packet_identifier_is_kept_until_PUBCOMP()
    {
        Put();
        var (delivery, position) = Note("x", Qos.ExactlyOnce);
        await _journal.WhenDurable(position);
        _journal.PubRec(delivery);
        await _journal.Flushed();
        Assert.Equal(["released"], _store.Owed("k"));
        Assert.Equal(0, _store.MessageCount);
        _journal.Finish(delivery);
        await _journal.Flushed();
        Assert.Empty(_store.Owed("k"));
    }

    [Fact]
    public async Task Who_would_send_a_delivery_before_it_was_noted_is_woken_when_it_is_durable()
    {
        var owner = new Woken();
        var message = Message("x");
        var delivery = new StoredDelivery(_session, 1, message, Qos.ExactlyOnce, false, 5, default);
        Assert.False(_journal.IsDurable(delivery, owner));
        await _journal.WhenDurable(_journal.Note(message, [delivery]));
        await _journal.Flushed();
        Assert.Equal(1, owner.Times);
        Assert.True(_journal.IsDurable(delivery, owner));
    }

    [Fact]
    public async Task While_the_store_fails_everybody_is_refused_and_afterwards_store_and_memory_agree()
    {
        Put();
        await _journal.Flushed();
        _store.Failure = new IOException("disk full");
        var owner = new Woken();
        var (first, position) = Note("a");
        var refused = _journal.WhenDurable(position);
        _journal.Look(position, owner);
        Assert.False(await refused);
        Assert.True(_journal.Refuses && _journal.IsFailing);
        var (_, later) = Note("b");
        Assert.Equal((JournalOutcome.Refused, JournalOutcome.Refused), (_journal.Look(position), _journal.Look(later)));
        // The client has had it, whatever its publisher was told.
        _journal.Finish(first);

        _store.Failure = null;
        await Advance(() => _journal.Look(later) == JournalOutcome.Durable);
        await _journal.Flushed();
        Assert.Equal(["b"], _store.Owed("k"));
        Assert.False(_journal.Refuses);
        Assert.Equal(1, _store.MessageCount);
    }

    [Fact]
    public async Task Beyond_the_bound_it_asks_to_be_spared_until_the_store_has_caught_up()
    {
        await Held();
        while (!_journal.Refuses) Note(new string('x', 100));
        Assert.False(_journal.IsFailing);
        _store.Release();
        await _journal.Flushed();
        Assert.False(_journal.Refuses);
        Assert.InRange(_store.Owed("k").Length, 4, 6);
    }

    [Fact]
    public async Task A_session_that_is_removed_leaves_nothing_and_takes_nothing_more()
    {
        Put();
        var (owed, position) = Note("x");
        await _journal.WhenDurable(position);
        _journal.Remove(_session);
        // Its page may be cut before what it was owed is finished.
        await _journal.Flushed();
        _journal.Finish(owed);
        await _journal.Flushed();
        Assert.Equal((0, null), (_store.MessageCount, _store.Session("k")));
        Put();
        Note("y");
        await _journal.Flushed();
        Assert.Equal((0, null), (_store.MessageCount, _store.Session("k")));
    }

    [Fact]
    public async Task The_last_word_on_a_subscription_counts()
    {
        await Held();
        _journal.Put(_session, "a", new SubscriptionRow(_session.Id, "a", 1, 0));
        _journal.Put(_session, "a", null);
        _journal.Put(_session, "b", null);
        _journal.Put(_session, "b", new SubscriptionRow(_session.Id, "b", 2, 0));
        _store.Release();
        await _journal.Flushed();
        Assert.Equal(["b"], (await _store.Load(new(1), default)).Subscriptions.Select(row => row.Filter));
    }

    [Fact]
    public async Task A_gateway_that_is_fenced_acknowledges_nothing_any_more()
    {
        bool told = false;
        _journal.Fenced = () => told = true;
        await _store.Begin("newer", "here", default);
        Assert.False(await _journal.WhenDurable(Put()));
        Assert.Equal(JournalOutcome.Refused, _journal.Look(Put()));
        await _journal.Flushed();
        Assert.True(told);
        Assert.Empty(_store.Batches);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_was_under_way_when_it_began_anew_says_nothing_about_what_came_then(bool refused)
    {
        bool told = false;
        _journal.Fenced = () => told = true;
        await Held();
        _journal.Close();
        _journal.Open((await _store.Begin("newer", refused ? "here" : "elsewhere", default)).Number);
        if (!refused) _store.Failure = new IOException("The store is gone.");
        _store.Release();
        var flushed = _journal.Flushed();
        await Advance(() => flushed.IsCompleted);
        Assert.False(told);
        Assert.False(_journal.Refuses);
        _store.Failure = null;
        var session = _journal.NewSession();
        Assert.True(await _journal.WhenDurable(_journal.Put(session, "t", new SubscriptionRow(session.Id, "t", 1, 0))));
    }

    [Fact]
    public async Task A_position_of_before_it_began_anew_is_never_durable()
    {
        await Held();
        var position = Put();
        _journal.Close();
        _journal.Open((await _store.Begin("newer", "here", default)).Number);
        _store.Release();
        var session = _journal.NewSession();
        Assert.True(await _journal.WhenDurable(_journal.Put(session, "t", new SubscriptionRow(session.Id, "t", 1, 0))));
        Assert.Equal(JournalOutcome.Refused, _journal.Look(position));
        Assert.False(await _journal.WhenDurable(position));
    }

    /// <summary>A page is on its way to the store, and stays there.</summary>
    private async Task Held()
    {
        _store.Hold();
        Put();
        while (_store.Asked == 0) await Task.Yield();
    }

    private async Task Advance(Func<bool> until)
    {
        while (!until())
        {
            _time.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }
    }

    private JournalPosition Put() => _journal.Put(_session, new SessionRow
    {
        Id = _session.Id, Key = "k", Epoch = new(1), Kind = "plain", ClientId = "k", ConnectionId = "s", RemoteAddress = "", ExpirySeconds = 60,
        MaybeSent = 0,
    });

    private (StoredDelivery Delivery, JournalPosition Position) Note(string payload, Qos qos = Qos.AtLeastOnce)
    {
        var message = Message(payload);
        var delivery = _session.Owe(message, qos, retain: false, packetId: 5, identifiers: null);
        return (delivery, _journal.Note(message, [delivery]));
    }

    private static Publication Message(string payload) => new("t"u8.ToArray(), Encoding.UTF8.GetBytes(payload), Qos.ExactlyOnce);

    private sealed class Woken : ISessionConnection
    {
        public bool IsHeld => false;

        public int Times { get; private set; }

        public void Wake() => Times++;

        public void End(EndCause cause) => throw new InvalidOperationException(cause.Detail);
    }
}
