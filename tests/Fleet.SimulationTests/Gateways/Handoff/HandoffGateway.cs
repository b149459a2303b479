using System.Text;
using Fleet.Gateway.Handoff;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>A message that a session is owed, with QoS 2.</summary>
internal sealed class OwedMessage(long number, string text, ushort packetId)
{
    public long Number => number;
    public string Text => text;
    public ushort PacketId => packetId;

    /// <summary>The client may have been sent it, so that its packet identifier stays.</summary>
    public bool MaybeSent { get; set; }

    /// <summary>PUBREC has come.</summary>
    public bool Released { get; set; }

    /// <summary>Sent on the present connection.</summary>
    public bool IsUnderWay { get; set; }

    /// <summary>Where it is durable as it is.</summary>
    public long Position { get; set; }
}

/// <summary>A session at one gateway, or a copy of one.</summary>
internal sealed class SimulatedSession(string key, long epoch)
{
    public string Key => key;

    /// <summary>Of the lease of its last connection.</summary>
    public long Epoch { get; set; } = epoch;

    /// <summary>0: it is not stored.</summary>
    public long Row { get; set; }
    public List<OwedMessage> Owed { get; init; } = [];

    /// <summary>Numbers of the messages that it has had.</summary>
    public HashSet<long> Had { get; init; } = [];
    public ushort LastPacketId { get; set; }

    /// <summary>The dead gateways that left it: what is redirected from them is for it.</summary>
    public HashSet<string> LeftBy { get; init; } = [];
    public SimulatedConnection? Connection { get; set; }
    public Action<PeerMessage>? SendOn { get; set; }
    public bool HasEnded { get; set; }
    public bool IsHandedOver { get; set; }

    public ushort NextPacketId()
    {
        do LastPacketId = LastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(LastPacketId + 1);
        while (Owed.Any(owed => owed.PacketId == LastPacketId));
        return LastPacketId;
    }
}

/// <summary>What a gateway does around the cores of hand-over and links; its store, its clients and the other gateways are the world's.</summary>
internal sealed class HandoffGateway
{
    private const int ReceiveMaximum = 5;

    private static readonly Task Never = new TaskCompletionSource().Task;

    private readonly HandoffWorld _world;
    private readonly Dictionary<string, SimulatedSession> _directory = [];
    private readonly Dictionary<string, Passage> _passages = [];
    private readonly Dictionary<string, long> _fences = [];
    private readonly List<SimulatedSession> _subscribed = [];

    /// <summary>What came from a session's former gateway first: its publisher's gateway does not know yet that it is here.</summary>
    private readonly Dictionary<long, string> _early = [];
    private readonly Dictionary<string, Task> _announced = [];

    public HandoffGateway(HandoffWorld world, string id)
    {
        (_world, Id) = (world, id);
        Journal = new(world.Turns, world.Store, id, world.Faults.StoreFails);
        Links = new(world, this);
    }

    public string Id { get; }
    public bool IsAlive { get; private set; } = true;
    public HandoffJournal Journal { get; }
    public HandoffLinks Links { get; }

    public IEnumerable<SimulatedSession> Connected => _directory.Values.Where(session => session.Connection is not null);

    /// <summary>What it has of a client's session, and would not give up without another having it.</summary>
    public IEnumerable<SimulatedSession> Holds(string key)
    {
        if (_directory.TryGetValue(key, out var session)) yield return session;
        if (_passages.GetValueOrDefault(key) is { Leaving: { IsHandedOver: false } leaving }) yield return leaving;
    }

    public IEnumerable<string> Keys => _subscribed.Select(session => session.Key).Distinct();

    public void Kill()
    {
        IsAlive = false;
        Journal.Close();
        _world.MayRepeat.UnionWith(_early.Values);
        foreach (var session in Connected.ToArray()) session.Connection!.Break();
    }

    /// <summary>CONNECT: true when it may be accepted.</summary>
    public async Task Connect(SimulatedConnection connection)
    {
        string key = connection.Client.Key;
        if (await Alive(Lease(key, connection.Id)) is not { } lease || !await Alive(TakeOver(key, lease)))
        {
            connection.Break();
            return;
        }
        if (_fences.GetValueOrDefault(key) > lease.Epoch)
        {
            connection.Break();
            return;
        }
        bool present = _directory.TryGetValue(key, out var session);
        if (session?.Epoch > lease.Epoch)
        {
            connection.Break();
            return;
        }
        session ??= _directory[key] = new SimulatedSession(key, lease.Epoch);
        session.Connection?.Break();
        (session.Connection, session.Epoch) = (connection, lease.Epoch);
        foreach (var owed in session.Owed) owed.IsUnderWay = false;
        if (session.Row == 0) Store(session);
        long position = Journal.Note(new StoreChange.Put(session.Row, key, session.Epoch));
        // As SUBACK does: whoever is let in knows that every gateway knows what it wants.
        await Alive(present && _announced.TryGetValue(key, out var announced) ? announced : Subscribe(session));
        await Alive(Journal.WhenDurable(position));
        if (session.Connection != connection) return;
        connection.Accepted(this, session, present);
        Pump(session);
    }

    public static void Disconnected(SimulatedSession session, SimulatedConnection connection)
    {
        if (session.Connection == connection) session.Connection = null;
    }

    public void PubRec(SimulatedSession session, SimulatedConnection connection, ushort packetId)
    {
        if (session.Connection != connection || session.Owed.Find(owed => owed.PacketId == packetId) is not { } owed) return;
        owed.Released = true;
        owed.Position = Journal.Note(new StoreChange.Release(session.Row, packetId));
        Journal.WhenDurable(owed.Position, () =>
        {
            if (session.Connection == connection) connection.PubRel(packetId);
        });
    }

    public void PubComp(SimulatedSession session, SimulatedConnection connection, ushort packetId)
    {
        if (session.Connection != connection || session.Owed.RemoveAll(owed => owed.PacketId == packetId && owed.Released) == 0) return;
        Journal.Note(new StoreChange.Finish(session.Row, packetId));
        Pump(session);
    }

    /// <summary>Completes when every gateway that matches has it, and it is durable here.</summary>
    public async Task Publish(string key, string text)
    {
        var message = new PeerMessage(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(text), 2, false, default, null, _world.NextNumber());
        var forwarded = Links.Forward(key, message);
        long position = Deliver(key, message, mark: null);
        await Alive(forwarded);
        await Alive(Journal.WhenDurable(position));
    }

    /// <summary>To all sessions here that the key is for.</summary>
    /// <param name="leftBy">The message was for a dead gateway, and is for the sessions that this one left.</param>
    public long Deliver(string key, PeerMessage message, StoreChange.Mark? mark, string? leftBy = null)
    {
        long position = 0;
        _early.Remove(message.Number);
        var sessions = _subscribed.Where(session => session.Key == key && (leftBy is null || session.LeftBy.Contains(leftBy))).ToArray();
        foreach (var session in sessions) position = Math.Max(position, Deliver(session, message));
        return sessions.Length > 0 && mark is not null ? Journal.Note(mark) : position;
    }

    public long Receive(LinkFrame.Late late)
    {
        var passage = _passages.GetValueOrDefault(late.SessionKey);
        var session = passage?.Coming?.Session ?? _directory.GetValueOrDefault(late.SessionKey) ?? passage?.Leaving;
        if (session is null) return 0;
        var message = late.Message.Message;
        if (!session.Had.Contains(message.Number)) _early[message.Number] = Encoding.UTF8.GetString(message.Payload.Span);
        return Deliver(session, message);
    }

    public void StoredElsewhere(string sender, LinkFrame.SessionStored stored) =>
        Apply(stored.SessionKey, new HandoffEvent.StoredThere(stored.Epoch, sender));

    /// <returns>Null: nothing.</returns>
    public MovedSession? TakeOver(string key, long epoch)
    {
        Fence(key, epoch);
        SimulatedSession? held = null;
        if (_directory.TryGetValue(key, out var session) && session.Epoch < epoch)
        {
            held = session;
            _directory.Remove(key);
        }
        var answer = Apply(
            key,
            new HandoffEvent.TakenOver(epoch, Discard: false, held is null ? null : new(held.Epoch, long.MaxValue), StandingOf(key)), held);
        if (held is not null && answer != HandoffAnswer.Yes) End(held);
        if (answer == HandoffAnswer.Unknown) throw new TimeoutException("not known yet");
        if (answer != HandoffAnswer.Yes) return null;
        var leaving = _passages[key].Leaving!;
        return new MovedSession(Id, [], 1, epoch, leaving.Epoch);
    }

    public SimulatedSession? Collect(string key, long epoch, string to)
    {
        if (!Links.Lives(to)) throw new TimeoutException("not known here");
        return Apply(key, new HandoffEvent.Collected(epoch, to)) == HandoffAnswer.Yes ? _passages[key].Copied : null;
    }

    public void Sweep()
    {
        foreach (string key in _passages.Keys.ToArray())
        {
            if (_passages[key].State.Out is { Stage: OutboundStage.Sent, To: { } taker } && Links.IsGone(taker))
                Apply(key, new HandoffEvent.TakerGone(taker, _world.Store.FindOwner(key) == Id));
            Apply(key, new HandoffEvent.Ticked());
        }
    }

    /// <summary>The sessions of a dead gateway.</summary>
    public void Inherit(StoredRow row, IReadOnlyList<StoredEntry> owed)
    {
        if (_subscribed.Any(session => session.Row == row.Id)) return;
        var session = new SimulatedSession(row.Key, row.Epoch) { Row = row.Id, LeftBy = row.LeftBy };
        _world.Log(Id, $"{row.Key} inherits epoch {row.Epoch} with {owed.Count} messages");
        foreach (var entry in owed)
            session.Owed.Add(new OwedMessage(entry.Number, entry.Text, entry.PacketId) { MaybeSent = true, Released = entry.Released });
        session.LastPacketId = owed.Count == 0 ? (ushort)0 : owed[^1].PacketId;
        if (TryAdd(session)) _ = Subscribe(session);
        else End(session);
    }

    private async Task<SessionLease?> Lease(string key, string sessionId)
    {
        var claim = new SessionClaim(Id, sessionId, CleanStart: false, null);
        var lease = await Alive(_world.Open(key, claim));
        if (lease.Lost is not { } lost) return lease;
        var found = await Alive(Find(key, lost, lease.Epoch));
        if (found is null) return null;
        lease = await Alive(_world.Open(key, claim with { Found = lost, FoundEpoch = lease.Epoch, From = found.Value.Moved?.FromGateway }));
        return lease.Lost is not null ? null : lease with { Moved = lease.Moved ?? found.Value.Moved };
    }

    /// <returns>Null: it is not known yet.</returns>
    private async Task<(bool Found, MovedSession? Moved)?> Find(string key, string lost, long epoch)
    {
        for (int looks = 1; ; looks++)
        {
            string? owner = _world.Store.FindOwner(key);
            bool here = _directory.ContainsKey(key);
            if (!here && owner is null) return (false, null);
            if (_world.IsAlive(lost)) return null;
            if (here) return (true, null);
            if (owner == Id)
            {
                if (await Alive(ComeBack(key, epoch, isLast: true))) return (_directory.ContainsKey(key), null);
            }
            else if (owner is not null && owner != lost)
            {
                try { return await Alive(_world.Call(owner, gateway => gateway.TakeOver(key, epoch))) is { } moved ? (true, moved) : (false, null); }
                catch (TimeoutException) { }
            }
            if (looks == 20) return null;
            await Alive(_world.Turns.Delay(100));
        }
    }

    private async Task<bool> ComeBack(string key, long epoch, bool isLast)
    {
        while (true)
        {
            var answer = Apply(key, new HandoffEvent.ClientBack(epoch, isLast, StandingOf(key)));
            if (answer != HandoffAnswer.Coming) return answer != HandoffAnswer.Unknown;
            await Alive(_passages[key].Coming!.Done.Task);
        }
    }

    /// <summary>As the gateway's own; see <c>ConnectAuthoriser</c>.</summary>
    private async Task<bool> TakeOver(string key, SessionLease lease)
    {
        var moved = lease.Moved;
        if (moved is null)
        {
            if (!await Alive(ComeBack(key, lease.Epoch, isLast: lease.From is null))) return false;
            if (lease.From is { } from && !_directory.ContainsKey(key))
            {
                try
                {
                    moved = await Alive(_world.Call(from, gateway => gateway.TakeOver(key, lease.Epoch)));
                    if (moved is null) return await Alive(ComeBack(key, lease.Epoch, isLast: true));
                }
                catch (TimeoutException)
                {
                    if (await Alive(Find(key, from, lease.Epoch)) is not { } found) return false;
                    moved = found.Moved;
                    if (!found.Found) return await Alive(ComeBack(key, lease.Epoch, isLast: true));
                }
            }
        }
        while (moved is not null)
        {
            if (Begin(key, lease.Epoch, moved) is not { } coming) return _directory.ContainsKey(key);
            await Alive(Subscribe(coming.Session));
            await Alive(Links.Barrier(moved.FromGateway));
            if (await Alive(Collect(key, coming)) is { } copy)
            {
                coming.Copy = copy;
                Apply(key, new HandoffEvent.Came(lease.Epoch, coming.Handoff), coming.Session, coming);
                return true;
            }
            bool overtaken = _passages.GetValueOrDefault(key)?.Coming != coming;
            Apply(key, new HandoffEvent.NotComing(lease.Epoch, coming.Handoff));
            if (overtaken) return false;
            if (await Alive(Find(key, moved.FromGateway, lease.Epoch)) is not { } found) return false;
            moved = found.Moved;
        }
        return true;
    }

    private Coming? Begin(string key, long epoch, MovedSession moved)
    {
        if (_fences.GetValueOrDefault(key) > epoch) return null;
        var coming = new Coming(new SimulatedSession(key, epoch), moved.FromGateway, moved.Epoch);
        var begun = new HandoffEvent.Begun(
            epoch, moved.FromGateway, moved.Epoch, moved.SessionEpoch, _directory.TryGetValue(key, out var held) ? held.Epoch : null);
        return Apply(key, begun, coming.Session, coming) == HandoffAnswer.Coming ? coming : null;
    }

    private async Task<SimulatedSession?> Collect(string key, Coming coming)
    {
        while (_passages.GetValueOrDefault(key)?.Coming == coming)
        {
            if (!_world.IsAlive(coming.From) && _world.IsKnownDead(coming.From)) return null;
            try { return await Alive(_world.Call(coming.From, gateway => gateway.Collect(key, coming.Handoff, Id))); }
            catch (TimeoutException) { await Alive(_world.Turns.Delay(100)); }
        }
        return null;
    }

    private TakerStanding StandingOf(string key) =>
        _passages.GetValueOrDefault(key)?.State.Out?.To is { } taker && !Links.Lives(taker) ? TakerStanding.Lost : TakerStanding.Lives;

    private HandoffAnswer Apply(string key, HandoffEvent e, SimulatedSession? session = null, Coming? coming = null)
    {
        var passage = _passages.GetValueOrDefault(key) ?? new Passage();
        var decision = HandoffCore.Decide(passage.State, e, _world.Turns.Now);
        if (e is not HandoffEvent.Ticked) _world.Log(Id, $"{key} {e} -> {decision.Answer} [{string.Join(' ', decision.Effects)}]");
        passage.State = decision.State;
        foreach (var effect in decision.Effects) Do(effect, passage, session, coming);
        if (decision.State.In is not null) passage.Coming ??= coming;
        if (decision.State == HandoffState.None) _passages.Remove(key);
        else _passages[key] = passage;
        return decision.Answer;
    }

    private void Do(HandoffEffect effect, Passage passage, SimulatedSession? session, Coming? coming)
    {
        switch (effect)
        {
            case HandoffEffect.Freeze:
                passage.Leaving = session;
                session!.Connection?.Break();
                session.Connection = null;
                break;
            case HandoffEffect.Copy:
                string to = passage.State.Out!.To!;
                passage.Leaving!.SendOn = message => Links.SendOn(to, passage.Leaving.Key, message);
                passage.Copied = new SimulatedSession(passage.Leaving.Key, passage.Leaving.Epoch)
                {
                    Owed = [.. passage.Leaving.Owed.Select(o => new OwedMessage(o.Number, o.Text, o.PacketId) { MaybeSent = o.MaybeSent, Released = o.Released })],
                    Had = [.. passage.Leaving.Had],
                    LastPacketId = passage.Leaving.LastPacketId,
                };
                break;
            case HandoffEffect.Recall:
                passage.Leaving!.SendOn = null;
                break;
            case HandoffEffect.Forward:
                var (forwarding, taker) = (passage.Leaving!, passage.State.Out!.To!);
                forwarding.SendOn = message => Links.SendOn(taker, forwarding.Key, message);
                forwarding.IsHandedOver = true;
                Journal.Note(new StoreChange.Remove(forwarding.Row));
                forwarding.Owed.Clear();
                break;
            case HandoffEffect.Return:
                passage.Leaving!.SendOn = null;
                if (!TryAdd(passage.Leaving)) End(passage.Leaving);
                passage.Leaving = null;
                break;
            case HandoffEffect.Drop:
                End(passage.Leaving!);
                passage.Leaving = null;
                break;
            case HandoffEffect.Abort:
                End(passage.Coming!.Session);
                _world.Turns.Complete(passage.Coming.Done);
                passage.Coming = null;
                break;
            case HandoffEffect.Accept:
                Accept(coming!);
                passage.Coming = null;
                break;
            case HandoffEffect.Tell:
                Journal.WhenDurable(Journal.Position, () =>
                {
                    if (IsAlive) Links.Tell(coming!.From, new LinkFrame.SessionStored(session!.Key, coming.Handoff));
                });
                break;
        }
    }

    private void Accept(Coming coming)
    {
        var (session, copy) = (coming.Session, coming.Copy!);
        var since = session.Owed.Where(owed => !copy.Had.Contains(owed.Number)).ToArray();
        session.Owed.Clear();
        session.LastPacketId = copy.LastPacketId;
        session.Had.UnionWith(copy.Had);
        session.Owed.AddRange(copy.Owed.Where(owed => owed.MaybeSent || owed.Released));
        foreach (var owed in copy.Owed.Where(owed => !owed.MaybeSent && !owed.Released).Concat(since))
            session.Owed.Add(new OwedMessage(owed.Number, owed.Text, session.NextPacketId()));
        Store(session);
        if (!TryAdd(session)) End(session);
        _world.Turns.Complete(coming.Done);
    }

    /// <summary>From here on it is kept in the store too: the row comes last, so what is there under it is all of it.</summary>
    private void Store(SimulatedSession session)
    {
        session.Row = _world.NextNumber();
        foreach (var owed in session.Owed)
            owed.Position = Journal.Note(new StoreChange.Owe(session.Row, new(owed.Number, owed.Text, owed.PacketId, owed.Released)));
    }

    private bool TryAdd(SimulatedSession session)
    {
        if (_directory.TryGetValue(session.Key, out var other))
        {
            if (other.Epoch >= session.Epoch) return false;
            other.Connection?.Break();
            End(other);
        }
        _directory[session.Key] = session;
        Journal.Note(new StoreChange.Put(session.Row, session.Key, session.Epoch));
        return true;
    }

    private void End(SimulatedSession session)
    {
        if (session.HasEnded) return;
        session.HasEnded = true;
        session.Connection?.Break();
        if (session.Row != 0 && !session.IsHandedOver) Journal.Note(new StoreChange.Remove(session.Row));
        if (_subscribed.Remove(session) && _subscribed.All(other => other.Key != session.Key))
        {
            _announced.Remove(session.Key);
            Links.Withdraw(session.Key);
        }
    }

    private Task Subscribe(SimulatedSession session)
    {
        if (session.HasEnded) return Task.CompletedTask;
        if (!_subscribed.Contains(session)) _subscribed.Add(session);
        return _announced.TryGetValue(session.Key, out var announced) ? announced : _announced[session.Key] = Links.Advertise(session.Key);
    }

    private long Deliver(SimulatedSession session, PeerMessage message)
    {
        if (session.HasEnded || !session.Had.Add(message.Number)) return 0;
        session.SendOn?.Invoke(message);
        if (session.IsHandedOver) return 0;
        var owed = new OwedMessage(message.Number, Encoding.UTF8.GetString(message.Payload.Span), session.NextPacketId());
        session.Owed.Add(owed);
        if (session.Row == 0) return 0;
        owed.Position = Journal.Note(new StoreChange.Owe(session.Row, new(owed.Number, owed.Text, owed.PacketId, false)));
        Journal.WhenDurable(owed.Position, () => Pump(session));
        return owed.Position;
    }

    private void Pump(SimulatedSession session)
    {
        if (session.Connection is not { IsAccepted: true } connection) return;
        while (session.Owed.Count(owed => owed.IsUnderWay) < ReceiveMaximum && session.Owed.Find(owed => !owed.IsUnderWay) is { } next)
        {
            if (!Journal.IsDurable(next.Position)) return;
            next.IsUnderWay = next.MaybeSent = true;
            if (next.Released) connection.PubRel(next.PacketId);
            else connection.Publish(next.PacketId, next.Text);
        }
    }

    private void Fence(string key, long epoch) => _fences[key] = Math.Max(epoch, _fences.GetValueOrDefault(key));

    /// <summary>Nothing goes on in a gateway that was killed.</summary>
    private async Task<T> Alive<T>(Task<T> task)
    {
        try { return await task; }
        finally { if (!IsAlive) await Never; }
    }

    private async Task Alive(Task task)
    {
        await task;
        if (!IsAlive) await Never;
    }

    private sealed class Passage
    {
        public HandoffState State { get; set; } = HandoffState.None;
        public SimulatedSession? Leaving { get; set; }
        public SimulatedSession? Copied { get; set; }
        public Coming? Coming { get; set; }
    }

    private sealed class Coming(SimulatedSession session, string from, long handoff)
    {
        public SimulatedSession Session => session;
        public string From => from;
        public long Handoff => handoff;
        public SimulatedSession? Copy { get; set; }
        public TaskCompletionSource Done { get; } = new();
    }
}
