using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Journal;

/// <summary>
/// What persistent sessions are owed, on its way to the store. Acknowledgements that depend on a change go out when its page is durable.
/// What a client acknowledges before its page is cut is never written.
/// </summary>
internal sealed class SessionJournal(
    ISessionStore store, IOptions<JournalOptions> options, GatewayClock clock, ILogger<SessionJournal> log)
    : CommitLog<JournalPage>(options.Value.MaxJournalBytes, clock.Time), IGatewayStep
{
    /// <summary>Numbers of sessions and messages are an owner's number, and a count below it.</summary>
    private const int OwnerShift = 42;

    private readonly JournalWindow _window = new(options, clock);
    private OwnerNumber? _owner;
    private long _lastId;

    /// <summary>Called once this gateway is found to be fenced: its sessions are another's.</summary>
    public Action? Fenced { get; set; }

    /// <summary>Begins under a number of its own; what was noted under another is forgotten.</summary>
    public void Open(OwnerNumber owner)
    {
        lock (Gate)
        {
            Restart();
            (_owner, _lastId) = (owner, owner.Value << OwnerShift);
        }
    }

    /// <summary>The store says that the sessions are another's, though nothing was to be written.</summary>
    public void BeFenced() => Fence();

    public StoredSession NewSession()
    {
        lock (Gate) return new StoredSession(this, ++_lastId);
    }

    /// <summary>A message that sessions have taken, and that its publisher may repeat with the same packet identifier: together.</summary>
    /// <param name="receivedBy">The publisher, if it is persistent and the message came with QoS 2.</param>
    /// <param name="from">The frame of another gateway that brought it: with this, all of it is stored, or nothing.</param>
    /// <returns>The position at which all of it is durable.</returns>
    public JournalPosition Note(
        Publication message, List<StoredDelivery> deliveries, StoredSession? receivedBy = null, ushort packetId = 0, LinkMark? from = null)
    {
        lock (Gate)
        {
            Page.Note(message, deliveries, ref _lastId);
            if (receivedBy is not null) Page.Received[(receivedBy, packetId)] = true;
            if (from is { } mark) Page.Marks[mark.Sender] = mark.Number;
            return Noted();
        }
    }

    /// <summary>A QoS 2 message of which a session that comes from elsewhere has only the packet identifier left.</summary>
    public void NoteReleased(StoredDelivery delivery)
    {
        lock (Gate)
        {
            Page.NoteReleased(delivery);
            Noted();
        }
    }

    /// <summary>The client has it, or will never.</summary>
    public void Finish(StoredDelivery delivery)
    {
        lock (Gate)
        {
            if (Page.Finish(delivery)) Noted();
        }
    }

    /// <summary>A message that had no packet identifier when it was noted has one now.</summary>
    public void Identified(StoredDelivery delivery)
    {
        lock (Gate)
        {
            if (Page.Identify(delivery)) Noted();
        }
    }

    /// <summary>PUBREC has come: the message is not needed any more, its packet identifier is.</summary>
    public void PubRec(StoredDelivery delivery)
    {
        lock (Gate)
        {
            if (Page.PubRec(delivery)) Noted();
        }
    }

    /// <summary>A QoS 2 message of the client's that was routed elsewhere, and is not released.</summary>
    public JournalPosition Hold(StoredSession session, ushort packetId)
    {
        lock (Gate)
        {
            Page.Received[(session, packetId)] = true;
            return Noted();
        }
    }

    /// <summary>PUBREL has come: the packet identifier is the publisher's to use again.</summary>
    public JournalPosition PubRel(StoredSession session, ushort packetId)
    {
        lock (Gate)
        {
            Page.Received[(session, packetId)] = false;
            return Noted();
        }
    }

    public JournalPosition Put(StoredSession session, SessionRow row)
    {
        lock (Gate)
        {
            Page.Sessions[session] = row;
            return Noted();
        }
    }

    /// <param name="row">Null: unsubscribed.</param>
    public JournalPosition Put(StoredSession session, string filter, SubscriptionRow? row)
    {
        lock (Gate)
        {
            Page.Subscriptions[(session, filter)] = row;
            return Noted();
        }
    }

    /// <summary>The session is gone, and its rows with it. What it is owed is to be finished after this.</summary>
    public void Remove(StoredSession session)
    {
        lock (Gate)
        {
            if (Page.Remove(session)) Noted();
        }
    }

    /// <summary>A session is over, and others have taken messages that it was owed: all of that together.</summary>
    /// <param name="session">Null: it was kept in memory alone.</param>
    public void PassOn(StoredSession? session, List<(Publication Message, StoredDelivery Owed)> messages)
    {
        lock (Gate)
        {
            if (session is not null) Page.Remove(session);
            foreach (var (message, owed) in messages) Page.Note(message, [owed], ref _lastId);
            Noted();
        }
    }

    /// <summary>Takes a delivery that is in the store, and of which nothing is to be written.</summary>
    /// <param name="messageId">Of its message; 0: the client has it.</param>
    public void Restore(StoredDelivery delivery, long messageId)
    {
        lock (Gate)
        {
            delivery.State = delivery.Message is null ? StoredDeliveryState.Released : StoredDeliveryState.Written;
            delivery.Position = JournalPosition.LongAgo;
            if (delivery.Message is not { } message) return;
            if (StoredMessage.Of(message) is not { } stored) message.InJournal = stored = new StoredMessage(messageId) { IsWritten = true };
            stored.References++;
        }
    }

    /// <summary>Whether a delivery is durable as it is; if not, the connection is woken when it is.</summary>
    public bool IsDurable(StoredDelivery delivery, IJournalWaiter waiter)
    {
        if (IsForgotten(delivery.Position)) return false;
        if (IsDurable(delivery.Position)) return true;
        lock (Gate)
        {
            if (IsDurable(delivery.Position)) return true;
            if (delivery.State == StoredDeliveryState.New) delivery.Waiter = waiter;
            else PageOf(delivery.Position).Add(waiter);
            return false;
        }
    }

    Task IGatewayStep.Stop(CancellationToken cancellation) => Flushed();

    protected override async ValueTask AwaitMore()
    {
        JournalPage page;
        Task? window;
        lock (Gate)
        {
            page = Page;
            window = IsFailing ? null : _window.Open(page);
        }
        if (window is null) return;
        await window;
        lock (Gate) _window.Close(page);
    }

    protected override void Cut(JournalPage page) => page.Cut(_owner, RowOf);

    protected override async Task<bool> Write(JournalPage page) =>
        page.Batch.Count == 0 || (page.Owner is { } owner && await store.Write(owner, page.Batch, CancellationToken.None));

    protected override void BeginsToFail(JournalPage page, Exception cause) => log.JournalFailed(page.Batch.Count, cause);

    protected override void EndsFenced()
    {
        log.JournalFenced();
        Fenced?.Invoke();
    }

    private MessageRow RowOf(Publication message) => new(
        StoredMessage.Of(message)!.Id, message.TopicBytes, message.Payload, (byte)message.Qos, message.Retain, message.Properties,
        message.ExpiresAt is { } at ? clock.ToUtc(at) : null);
}
