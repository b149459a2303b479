using System.Text;
using Fleet.Gateway;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway.Journal;

/// <summary>The journal gives clients that are there a moment to acknowledge what need not be written then.</summary>
public sealed class JournalWindowTests
{
    private readonly MemorySessionStore _store = new();
    private readonly WatchedTime _time = new();
    private readonly SessionJournal _journal;
    private readonly StoredSession _session;

    public JournalWindowTests()
    {
        var options = new JournalOptions { JournalWindowMilliseconds = 2 };
        _journal = new SessionJournal(_store, Options.Create(options), new GatewayClock(_time), NullLogger<SessionJournal>.Instance);
        _journal.Open(_store.Begin("g", "here", default).Result.Number);
        _session = _journal.NewSession();
    }

    [Fact]
    public async Task What_is_acknowledged_within_it_is_durable_without_a_write()
    {
        var (first, position) = Note("a", isQuick: true);
        var (second, _) = Note("b", isQuick: true);
        var durable = _journal.WhenDurable(position);
        await Waiting();
        _journal.Finish(first);
        Assert.False(durable.IsCompleted);
        _journal.Finish(second);
        Assert.True(await durable);
        Assert.Equal(0, _store.Asked);
    }

    [Fact]
    public async Task What_is_not_is_written_and_for_a_while_nothing_waits()
    {
        var (slow, position) = Note("slow", isQuick: true);
        await Waiting();
        _time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.True(await _journal.WhenDurable(position));
        Assert.Equal(
            ["slow"], _store.Batches.SelectMany(batch => batch.Messages).Select(message => Encoding.UTF8.GetString(message.Payload.Span)));
        Assert.True(await _journal.WhenDurable(Note("next", isQuick: true).Position));
        _journal.Finish(slow);
        await _journal.Flushed();
        Assert.Contains(_store.Batches, batch => batch.RemovedDeliveries.Count == 1);
    }

    [Fact]
    public async Task Nothing_waits_for_who_is_not_there()
    {
        Assert.True(await _journal.WhenDurable(Note("absent", isQuick: false).Position));
        Assert.Equal(0, _time.Timers);
    }

    private async Task Waiting()
    {
        while (_time.Timers == 0) await Task.Yield();
    }

    private (StoredDelivery Delivery, JournalPosition Position) Note(string payload, bool isQuick)
    {
        var message = new Publication("t"u8.ToArray(), Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce);
        var delivery = _session.Owe(message, Qos.AtLeastOnce, retain: false, packetId: 5, identifiers: null, isQuick: isQuick);
        return (delivery, _journal.Note(message, [delivery]));
    }
}
