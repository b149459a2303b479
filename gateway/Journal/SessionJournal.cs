using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Journal;

internal enum JournalOutcome
{
    Waiting,
    Durable,

    /// <summary>The store fails. It may yet become durable, but nobody may be told that it is.</summary>
    Refused,
}

/// <summary>
/// What persistent sessions are owed, on its way to the store. A change is noted under one short lock and has a position, the number of its
/// page; while one page is written the next one fills, so that a crowd shares a commit and a lone change waits for none. Acknowledgements
/// that depend on a change go out when its page is durable: connections are woken then, without a task each. What a client acknowledges
/// before its page is cut is never written. A page that cannot be written is tried again until it can, so that store and memory agree;
/// those who wait for it, and for what comes after, are refused meanwhile.
/// </summary>
internal sealed class SessionJournal(
    ISessionStore store, IOptions<JournalOptions> options, GatewayClock clock, ILogger<SessionJournal> log) : IGatewayStep
{
    /// <summary>A position that was durable before this process began.</summary>
    public const long LongAgo = 1;

    /// <summary>Numbers of sessions and messages are an owner's number, and a count below it.</summary>
    private const int OwnerShift = 42;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100), LongestPause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly JournalWindow _window = new(options, clock);
    private JournalPage _page = new(LongAgo + 1);
    private JournalPage? _writing;
    private TaskCompletionSource? _idle;
    private long _owner, _lastId, _first, _durable = LongAgo;
    private volatile bool _failing, _full;
    private bool _running, _closed;

    /// <summary>Called once this gateway is found to be fenced: its sessions are another's.</summary>
    public Action? Fenced { get; set; }

    /// <summary>The store fails, or is too far behind: whoever publishes to a persistent session had better not.</summary>
    public bool Refuses => _failing || _full;

    /// <summary>The store fails; otherwise, if it <see cref="Refuses"/>, it is too far behind.</summary>
    public bool IsFailing => _failing;

    /// <summary>Begins under a number of its own; what was noted under another is forgotten.</summary>
    public void Open(long owner)
    {
        lock (_gate)
        {
            (_page, _writing) = (new JournalPage(_page.Number + 1), null);
            (_owner, _lastId, _first) = (owner, owner << OwnerShift, _page.Number);
            _closed = _failing = _full = false;
        }
    }

    /// <summary>The store says that the sessions are another's, though nothing was to be written.</summary>
    public void BeFenced() => EndAll();

    /// <summary>Nothing is written any more: the sessions are another's.</summary>
    public void Close()
    {
        lock (_gate) _closed = _failing = true;
        Refuse();
    }

    /// <summary>Where all that was noted so far is durable.</summary>
    public long Position
    {
        get { lock (_gate) return _page.IsUsed ? _page.Number : _page.Number - 1; }
    }

    public StoredSession NewSession()
    {
        lock (_gate) return new StoredSession(this, ++_lastId);
    }

    /// <summary>A message that sessions have taken, and that its publisher may repeat with the same packet identifier: together.</summary>
    /// <param name="receivedBy">The publisher, if it is persistent and the message came with QoS 2.</param>
    /// <param name="from">The frame of another gateway that brought it: with this, all of it is stored, or nothing.</param>
    /// <returns>The position at which all of it is durable.</returns>
    public long Note(
        Publication message, List<StoredDelivery> deliveries, StoredSession? receivedBy = null, ushort packetId = 0, LinkMark? from = null)
    {
        lock (_gate)
        {
            _page.Note(message, deliveries, ref _lastId);
            if (receivedBy is not null) _page.Received[(receivedBy, packetId)] = true;
            if (from is { } mark) _page.Marks[mark.Sender] = mark.Number;
            return Use();
        }
    }

    /// <summary>A QoS 2 message of which a session that comes from elsewhere has only the packet identifier left.</summary>
    public void NoteReleased(StoredDelivery delivery)
    {
        lock (_gate)
        {
            _page.NoteReleased(delivery);
            Use();
        }
    }

    /// <summary>The client has it, or will never.</summary>
    public void Finish(StoredDelivery delivery)
    {
        lock (_gate)
        {
            if (_page.Finish(delivery)) Use();
        }
    }

    /// <summary>A QoS 2 message that had no packet identifier when it was noted has one now.</summary>
    public void Identified(StoredDelivery delivery)
    {
        lock (_gate)
        {
            if (_page.Identify(delivery)) Use();
        }
    }

    /// <summary>PUBREC has come: the message is not needed any more, its packet identifier is.</summary>
    public void PubRec(StoredDelivery delivery)
    {
        lock (_gate)
        {
            if (_page.PubRec(delivery)) Use();
        }
    }

    /// <summary>A QoS 2 message of the client's that was routed elsewhere, and is not released.</summary>
    public long Hold(StoredSession session, ushort packetId)
    {
        lock (_gate)
        {
            _page.Received[(session, packetId)] = true;
            return Use();
        }
    }

    /// <summary>PUBREL has come: the packet identifier is the publisher's to use again.</summary>
    public long PubRel(StoredSession session, ushort packetId)
    {
        lock (_gate)
        {
            _page.Received[(session, packetId)] = false;
            return Use();
        }
    }

    public long Put(StoredSession session, SessionRow row)
    {
        lock (_gate)
        {
            _page.Sessions[session] = row;
            return Use();
        }
    }

    /// <param name="row">Null: unsubscribed.</param>
    public long Put(StoredSession session, string filter, SubscriptionRow? row)
    {
        lock (_gate)
        {
            _page.Subscriptions[(session, filter)] = row;
            return Use();
        }
    }

    /// <summary>The session is gone, and its rows with it. What it is owed is to be finished after this.</summary>
    public void Remove(StoredSession session)
    {
        lock (_gate)
        {
            if (_page.Remove(session)) Use();
        }
    }

    /// <summary>Takes a delivery that is in the store, and of which nothing is to be written.</summary>
    /// <param name="messageId">Of its message; 0: the client has it.</param>
    public void Restore(StoredDelivery delivery, long messageId)
    {
        lock (_gate)
        {
            delivery.State = delivery.Message is null ? StoredDeliveryState.Released : StoredDeliveryState.Written;
            delivery.Position = 0;
            if (delivery.Message is not { } message) return;
            if (StoredMessage.Of(message) is not { } stored) message.InJournal = stored = new StoredMessage(messageId) { IsWritten = true };
            stored.References++;
        }
    }

    public JournalOutcome Look(long position) =>
        IsForgotten(position) ? JournalOutcome.Refused
        : position <= Volatile.Read(ref _durable) ? JournalOutcome.Durable
        : _failing ? JournalOutcome.Refused : JournalOutcome.Waiting;

    /// <summary>As <see cref="Look"/>; while it waits, the connection is woken when that may have changed.</summary>
    public JournalOutcome Look(long position, IJournalWaiter waiter)
    {
        var outcome = Look(position);
        if (outcome != JournalOutcome.Waiting) return outcome;
        lock (_gate)
        {
            outcome = Look(position);
            if (outcome == JournalOutcome.Waiting) PageOf(position).Add(waiter);
            return outcome;
        }
    }

    /// <summary>Whether a delivery is durable as it is; if not, the connection is woken when it is.</summary>
    public bool IsDurable(StoredDelivery delivery, IJournalWaiter waiter)
    {
        if (IsForgotten(delivery.Position)) return false;
        if (delivery.Position <= Volatile.Read(ref _durable)) return true;
        lock (_gate)
        {
            if (delivery.Position <= _durable) return true;
            if (delivery.State == StoredDeliveryState.New) delivery.Waiter = waiter;
            else PageOf(delivery.Position).Add(waiter);
            return false;
        }
    }

    /// <summary>For what is rare enough for a task: true when it is durable, false when it is refused.</summary>
    public Task<bool> WhenDurable(long position)
    {
        lock (_gate)
        {
            return Look(position) switch
            {
                JournalOutcome.Durable => Task.FromResult(true),
                JournalOutcome.Refused => Task.FromResult(false),
                _ => (PageOf(position).Outcome ??= Background.NewSource<bool>()).Task,
            };
        }
    }

    /// <summary>Completes when nothing is left to write.</summary>
    public Task Flushed()
    {
        lock (_gate) return _running ? (_idle ??= Background.NewSource()).Task : Task.CompletedTask;
    }

    Task IGatewayStep.Stop(CancellationToken cancellation) => Flushed();

    /// <summary>It was noted under another owner, and may never have been written.</summary>
    private bool IsForgotten(long position) => position > LongAgo && position < Volatile.Read(ref _first);

    private bool IsFull => _page.Bytes + (_writing?.Bytes ?? 0) > options.Value.MaxJournalBytes;

    private JournalPage PageOf(long position) => _writing?.Number == position ? _writing : _page;

    /// <summary>Something was noted. Returns the position it has.</summary>
    private long Use()
    {
        if (!_page.IsUsed) (_page.IsUsed, _page.BegunAt) = (true, clock.NowMs);
        _full = IsFull;
        if (!_running && !_closed)
        {
            _running = true;
            // Not on the caller's thread, which may hold a session's lock.
            _ = Background.Run(Run);
        }
        return _page.Number;
    }

    private async Task Run()
    {
        while (true)
        {
            SessionBatch batch;
            long owner;
            await GiveTime();
            lock (_gate)
            {
                if (!_page.IsUsed || _closed)
                {
                    _running = false;
                    Interlocked.Exchange(ref _idle, null)?.SetResult();
                    return;
                }
                _writing = _page;
                _page = new JournalPage(_writing.Number + 1);
                (batch, owner) = (_writing.Cut(RowOf), _owner);
            }
            await Write(batch, owner);
        }
    }

    private async ValueTask GiveTime()
    {
        JournalPage page;
        Task? window;
        lock (_gate)
        {
            page = _page;
            window = _failing || _closed ? null : _window.Open(page);
        }
        if (window is null) return;
        await window;
        lock (_gate) _window.Close(page);
    }

    /// <summary>
    /// Returns when the page is durable, or the sessions are another's: this gateway is fenced, or has begun anew meanwhile.
    /// </summary>
    private async Task Write(SessionBatch batch, long owner)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                if (batch.Count == 0 || await store.Write(owner, batch, CancellationToken.None)) Durable(owner);
                else if (IsOwner(owner)) EndAll();
                return;
            }
            catch (Exception e)
            {
                if (!IsOwner(owner)) return;
                if (!_failing) log.JournalFailed(batch.Count, e);
                lock (_gate) _failing |= owner == _owner;
                Refuse();
            }
            await Task.Delay(pause, clock.Time);
            if (!IsOwner(owner)) return;
        }
    }

    private bool IsOwner(long owner)
    {
        lock (_gate) return owner == _owner && !_closed;
    }

    private void EndAll()
    {
        log.JournalFenced();
        Close();
        Fenced?.Invoke();
    }

    private void Durable(long owner)
    {
        IJournalWaiter[] waiters;
        TaskCompletionSource<bool>? outcome;
        lock (_gate)
        {
            if (owner != _owner) return;
            var page = _writing!;
            Volatile.Write(ref _durable, page.Number);
            if (!_closed) _failing = false;
            _writing = null;
            _full = IsFull;
            (waiters, outcome) = (page.RemoveWaiters(), page.Outcome);
        }
        outcome?.SetResult(true);
        foreach (var waiter in waiters) waiter.Wake();
    }

    /// <summary>Those who wait hear that it fails; the changes stay.</summary>
    private void Refuse()
    {
        List<IJournalWaiter> waiters = [];
        List<TaskCompletionSource<bool>> outcomes = [];
        lock (_gate)
        {
            foreach (var page in _writing is null ? [_page] : (JournalPage[])[_writing, _page])
            {
                waiters.AddRange(page.RemoveWaiters());
                if (page.Outcome is { } outcome) outcomes.Add(outcome);
                page.Outcome = null;
            }
        }
        foreach (var outcome in outcomes) outcome.SetResult(false);
        foreach (var waiter in waiters) waiter.Wake();
    }

    private MessageRow RowOf(Publication message) => new(
        StoredMessage.Of(message)!.Id, message.TopicBytes, message.Payload, (byte)message.Qos, message.Retain, message.Properties,
        message.ExpiresAt is { } at ? clock.ToUtc(at) : null);
}
