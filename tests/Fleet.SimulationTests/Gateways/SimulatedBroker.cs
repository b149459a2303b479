using Fleet.Gateway.Failover;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways;

/// <summary>What a gateway does with messages, as broker, sessions and inbox do it.</summary>
internal sealed partial class SimulatedGateway
{
    private readonly Dictionary<string, HashSet<StoredRow>> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<StoredRow, string?> _leftBy = [];
    private readonly Dictionary<InheritedSessions, List<SimulatedSession>> _sessionsOf = [];
    private SimulatedJournal _journal = null!;

    public Dictionary<string, SimulatedSession> Sessions { get; } = new(StringComparer.Ordinal);

    /// <summary>A client begins a session.</summary>
    public void Create(string key, string topic)
    {
        var row = new StoredRow(key, topic, Owner);
        world.Store.Rows.Add(row);
        Sessions[key] = new SimulatedSession(row, null);
    }

    /// <summary>A client publishes at QoS 2.</summary>
    public void Publish(SimulatedMessage message)
    {
        int life = Life, waiting = 1;
        bool lost = false;
        var frame = new LinkFrame.Published(Frame(message), ToAll: true, []);
        // As Forwarder does: successors first, whose frames are for their dead as well.
        HashSet<string> covered = [];
        foreach (var (id, peer) in Peers.Where(entry => entry.Value.Routes.Contains(message.Topic))
                     .OrderBy(entry => entry.Value.Link.IsDead).ThenByDescending(entry => entry.Value.Link.Covers.Length).ToArray())
        {
            if (covered.Contains(id)) continue;
            covered.UnionWith(peer.Link.Covers);
            waiting++;
            peer.Link.Post(frame, Taken);
        }
        DeliverTo(message, session => session.Intake?.IsOpenTo(null) ?? true, mark: null);
        _journal.WhenDurable(Taken);

        void Taken(bool isTaken)
        {
            lost |= !isTaken;
            if (--waiting > 0 || lost || !IsAlive || life != Life) return;
            message.IsAcknowledged = true;
            world.Log(Id, () => $"acknowledges {message}");
        }
    }

    /// <summary>A batch from another gateway, as <c>PeerInbox</c> and <c>RemoteGateway</c> take it.</summary>
    public void Receive(string from, long first, LinkFrame[] frames, Action answer)
    {
        if (!Peers.TryGetValue(from, out var sender) || sender.IsDead || !sender.IsMet || first > sender.LastNumber + 1) return;
        for (int i = (int)(sender.LastNumber + 1 - first); i < frames.Length; i++)
        {
            Handle(from, sender, frames[i], first + i);
            sender.LastNumber = first + i;
        }
        _journal.WhenDurable(durable => { if (durable) answer(); });
    }

    /// <param name="mark">Of the frame that brought it; null: it was published here.</param>
    public void Deliver(LinkFrame.Redirected frame, (string, long)? mark, Action<bool>? durable)
    {
        DeliverTo(world.MessageOf(frame.Message.Number), session => session.Intake?.IsFor(frame.For) ?? false, mark);
        if (durable is not null) _journal.WhenDurable(durable);
    }

    private void Handle(string from, SimulatedPeer sender, LinkFrame frame, long number)
    {
        switch (frame)
        {
            case LinkFrame.Published published:
                DeliverTo(world.MessageOf(published.Message.Number), session => session.Intake?.IsOpenTo(from) ?? true, (from, number));
                break;
            case LinkFrame.Redirected redirected: Deliver(redirected, (from, number), durable: null); break;
            case LinkFrame.Successor successor: Hear(new FailoverEvent.SuccessorNamed(from, successor.Dead)); break;
            case LinkFrame.HandedOver handedOver: Hear(new FailoverEvent.HandedOver(from, handedOver.Dead[0])); break;
            case LinkFrame.FailedOver failedOver: Hear(new FailoverEvent.Completed(failedOver.Dead)); break;
            case LinkFrame.Advertised advertised: sender.Routes.UnionWith(advertised.Filters); break;
            case LinkFrame.Ready:
                sender.IsReady = true;
                Open();
                break;
        }
    }

    private void DeliverTo(SimulatedMessage message, Func<SimulatedSession, bool> takes, (string, long)? mark)
    {
        foreach (var session in Sessions.Values.Where(session => session.Row.Topic == message.Topic && takes(session)))
        {
            if (session.IsRepeat(message.Number)) continue;
            _journal.Note(session.Row, ++session.LastNumber, message, mark);
        }
    }

    /// <param name="leftBy">Whose each was; null: nobody's.</param>
    private void TakeIn(IEnumerable<StoredRow> rows, InheritedSessions? inherited, Func<StoredRow, string?> leftBy)
    {
        foreach (var row in rows.ToArray())
        {
            var intake = leftBy(row) is { } dead ? inherited!.PartOf(dead) : null;
            var session = Sessions[row.Key] = new SimulatedSession(row, intake) { LastNumber = row.Deliveries.Keys.LastOrDefault() };
            if (intake is not null) _sessionsOf[inherited!].Add(session);
            foreach (var peer in Peers.Values.Where(peer => peer is { IsMet: true, IsDead: false }))
                peer.Link.Post(new LinkFrame.Advertised([row.Topic]));
        }
    }

    private InheritedSessions Inherit(ImmutableArray<LeftBehind> parts)
    {
        var inherited = _inherited[parts[0].Dead] = new InheritedSessions(parts);
        _sessionsOf[inherited] = [];
        return inherited;
    }

    private void Meet(SimulatedPeer peer)
    {
        peer.IsMet = true;
        peer.Link.Post(new LinkFrame.Advertised([.. Sessions.Values.Select(session => session.Row.Topic).Distinct()]));
        peer.Link.Post(new LinkFrame.Ready());
    }

    private void Forget(string id, SimulatedPeer dead)
    {
        dead.Link.Abandon();
        dead.IsReady = true;
        Peers.Remove(id);
        Open();
    }

    private void EndDedup(InheritedSessions inherited)
    {
        foreach (var session in _sessionsOf[inherited]) session.EndDedup();
    }

    private static PeerMessage Frame(SimulatedMessage message) => new(default, default, 2, false, default, null, message.Number);
}

/// <summary>A persistent session in memory.</summary>
internal sealed class SimulatedSession(StoredRow row, ISessionIntake? intake)
{
    private HashSet<long>? _known = intake is null ? null : [];

    public StoredRow Row => row;
    public ISessionIntake? Intake { get; private set; } = intake;
    public long LastNumber { get; set; }

    /// <summary>As <c>HandoffDedup</c>: while it is new here, what comes by two roads is known by its number.</summary>
    public bool IsRepeat(long number) => _known is not null && !_known.Add(number);

    public void EndDedup() => (_known, Intake) = (null, null);
}

/// <summary>What is on its way to the store: written page by page, again and again until it is known to be there.</summary>
internal sealed class SimulatedJournal(GatewayWorld world, SimulatedGateway gateway, long owner)
{
    private readonly List<(StoredRow Row, long Number, SimulatedMessage Message)> _deliveries = [];
    private readonly Dictionary<string, long> _marks = new(StringComparer.Ordinal);
    private readonly List<Action<bool>> _waiters = [];
    private bool _isWriting, _isClosed;

    public void Note(StoredRow row, long number, SimulatedMessage message, (string Sender, long Number)? mark)
    {
        if (_isClosed) return;
        _deliveries.Add((row, number, message));
        if (mark is { } from) _marks[from.Sender] = from.Number;
        Write();
    }

    /// <summary>When all that was noted so far is there; false: it never will be.</summary>
    public void WhenDurable(Action<bool> told)
    {
        if (_isClosed || (_deliveries.Count == 0 && !_isWriting)) told(!_isClosed);
        else _waiters.Add(told);
    }

    public void Close()
    {
        _isClosed = true;
        foreach (var told in _waiters) told(false);
        _waiters.Clear();
    }

    private void Write()
    {
        if (_isWriting || _isClosed || _deliveries.Count == 0) return;
        _isWriting = true;
        world.After(world.Random.Next(1, 20), gateway, () =>
        {
            var page = (_deliveries.ToArray(), new Dictionary<string, long>(_marks), _waiters.ToArray());
            _deliveries.Clear();
            _marks.Clear();
            _waiters.Clear();
            Try(page);
        });
    }

    /// <summary>What is on its way to the store when the process dies may still land.</summary>
    private void Try(((StoredRow, long, SimulatedMessage)[] Deliveries, Dictionary<string, long> Marks, Action<bool>[] Waiters) page) =>
        world.After(world.Random.Next(1, 60), null, () =>
        {
            bool fails = world.Fails(0.1), isTold = !world.Fails(0.1);
            bool isFenced = !fails && !world.Store.Write(owner, page.Deliveries, page.Marks);
            world.After(world.Random.Next(1, 20), gateway, () =>
            {
                if (_isClosed)
                {
                    foreach (var told in page.Waiters) told(false);
                }
                else if (isFenced) gateway.BeginAnew();
                else if (fails || !isTold) Try(page);
                else
                {
                    _isWriting = false;
                    foreach (var told in page.Waiters) told(true);
                    if (_deliveries.Count == 0)
                    {
                        foreach (var told in _waiters.ToArray()) told(true);
                        _waiters.Clear();
                    }
                    Write();
                }
            });
        });
}
