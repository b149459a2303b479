using Fleet.Gateway.Journal;

namespace Fleet.UnitTests.Gateway.Journal;

/// <summary>A session store in memory: writes can be held up, and fail; what is written outlives the gateway that wrote it.</summary>
internal sealed class MemorySessionStore : ISessionStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, (SessionRow Row, OwnerNumber Owner, OwnerNumber? LeftBy)> _sessions = [];
    private readonly Dictionary<(long, string), SubscriptionRow> _subscriptions = [];
    private readonly Dictionary<long, MessageRow> _messages = [];
    private readonly SortedDictionary<(long, long), DeliveryRow> _deliveries = [];
    private readonly HashSet<ReceivedRow> _received = [];
    private readonly Dictionary<(OwnerNumber Owner, string Sender), long> _marks = [];
    private readonly List<Owner> _owners = [];
    private TaskCompletionSource _open = Opened();
    private int _waiting, _killed;

    public Exception? Failure { get; set; }
    public List<SessionBatch> Batches { get; } = [];

    /// <summary>Batches that have come in, whether or not they are held up.</summary>
    public int Asked { get; private set; }

    public bool IsHeld => !_open.Task.IsCompleted;

    /// <summary>Batches that are held up.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    public void Hold() => _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _open.TrySetResult();

    /// <summary>Their processes are gone: what they have under way is not written.</summary>
    public void Kill()
    {
        lock (_gate) _killed = _owners.Count;
    }

    public Task<OwningGateway> Begin(string gatewayId, string? name, CancellationToken cancellation)
    {
        lock (_gate)
        {
            int at = _owners.FindIndex(owner => owner.Gateway == gatewayId);
            if (at < 0)
            {
                _owners.Add(new Owner(gatewayId, name));
                at = _owners.Count - 1;
            }
            var number = new OwnerNumber(at + 1);
            foreach (var left in _owners.Take(at).Where(left => name is not null && left.Name == name)) left.Successor ??= number;
            Move(owner => Of(owner).Successor == number, number);
            DropSuperseded(number);
            var predecessors = _owners.Where(left => left.Successor == number && !left.IsFailedOver);
            return Task.FromResult(new OwningGateway(number, [.. predecessors.Select(left => left.Gateway)]));
        }
    }

    public Task<StoredSessions> Load(OwnerNumber owner, CancellationToken cancellation)
    {
        lock (_gate) return Task.FromResult(Read([.. _sessions.Where(entry => entry.Value.Owner == owner).Select(entry => entry.Key)]));
    }

    public async Task<bool> Write(OwnerNumber owner, SessionBatch batch, CancellationToken cancellation)
    {
        Asked++;
        Interlocked.Increment(ref _waiting);
        await _open.Task;
        Interlocked.Decrement(ref _waiting);
        lock (_gate)
        {
            if (Failure is not null) throw Failure;
            if (owner.Value <= _killed || Of(owner).Successor is not null) return false;
            Batches.Add(batch);
            foreach (long id in batch.RemovedSessions) Remove(id);
            foreach (var row in batch.Sessions) _sessions[row.Id] = (row, owner, _sessions.GetValueOrDefault(row.Id).LeftBy);
            foreach (var (session, filter) in batch.RemovedSubscriptions) _subscriptions.Remove((session, filter));
            foreach (var row in batch.Subscriptions) _subscriptions[(row.Session, row.Filter)] = row;
            foreach (var key in batch.RemovedDeliveries) _deliveries.Remove((key.Session, key.Number));
            foreach (var key in batch.ReleasedDeliveries)
            {
                // It may be finished by now, like a row that an UPDATE does not find.
                if (_deliveries.TryGetValue((key.Session, key.Number), out var released))
                    _deliveries[(key.Session, key.Number)] = released with { Message = 0 };
            }
            foreach (var (key, packetId) in batch.IdentifiedDeliveries)
            {
                if (_deliveries.TryGetValue((key.Session, key.Number), out var unnamed))
                    _deliveries[(key.Session, key.Number)] = unnamed with { PacketId = packetId };
            }
            foreach (long id in batch.RemovedMessages) _messages.Remove(id);
            foreach (var row in batch.Messages) _messages[row.Id] = row;
            foreach (var row in batch.Deliveries) _deliveries[(row.Session, row.Number)] = row;
            foreach (var row in batch.RemovedReceived) _received.Remove(row);
            foreach (var row in batch.Received) _received.Add(row);
            foreach (var mark in batch.Marks) _marks[(owner, mark.Sender)] = mark.Number;
            return true;
        }
    }

    public Task<Inheritance?> Inherit(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (Failure is not null) throw Failure;
            if (Of(owner).Successor is not null) return Task.FromResult<Inheritance?>(null);
            int dead = _owners.FindIndex(o => o.Gateway == deadGatewayId);
            if (dead < 0) return Task.FromResult<Inheritance?>(new Inheritance());
            var left = new OwnerNumber(dead + 1);
            var successor = Of(left).Successor ??= owner;
            DropSuperseded(left);
            List<string> through = [];
            for (; successor != owner; successor = Of(successor).Successor!.Value)
            {
                through.Add(Of(successor).Gateway);
                if (Of(successor).Successor is null) return Task.FromResult<Inheritance?>(new Inheritance { Successor = through[^1] });
            }
            return Task.FromResult<Inheritance?>(new Inheritance
            {
                Through = through,
                Sessions = Read([.. _sessions.Where(entry => entry.Value.Owner == left).Select(entry => entry.Key)]),
                Marks = [.. _marks.Where(mark => mark.Key.Owner == left).Select(mark => new LinkMark(mark.Key.Sender, mark.Value))],
            });
        }
    }

    public Task<bool> TakeOver(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (Of(owner).Successor is not null) return Task.FromResult(false);
            int dead = _owners.FindIndex(o => o.Gateway == deadGatewayId);
            Move(from => from.Value == dead + 1, owner);
            return Task.FromResult(true);
        }
    }

    public Task CompleteFailover(string deadGatewayId, CancellationToken cancellation)
    {
        lock (_gate)
        {
            foreach (var dead in _owners.Where(owner => owner.Gateway == deadGatewayId)) dead.IsFailedOver = true;
            return Task.CompletedTask;
        }
    }

    public Task<IReadOnlyList<SupersededSession>> FindSuperseded(OwnerNumber owner, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var newer = from entry in _sessions.Values
                        where entry.Owner == owner
                        from other in _sessions.Values
                        where other.Owner != owner && other.Row.Key == entry.Row.Key && other.Row.Epoch > entry.Row.Epoch
                        select new SupersededSession(entry.Row.Key, other.Row.Epoch);
            return Task.FromResult<IReadOnlyList<SupersededSession>>([.. newer]);
        }
    }

    public Task<string?> FindGateway(string key, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult(_sessions.Values.Where(entry => entry.Row.Key == key && entry.Row.ExpirySeconds > 0)
                .OrderByDescending(entry => entry.Row.Epoch).Select(entry => Of(entry.Owner).Gateway).FirstOrDefault());
        }
    }

    /// <summary>What the client of a key is owed, as payloads; a released delivery as "released".</summary>
    public string[] Owed(string key)
    {
        lock (_gate)
        {
            return
            [
                .. from delivery in _deliveries.Values
                   where _sessions.TryGetValue(delivery.Session, out var session) && session.Row.Key == key
                   select delivery.Message == 0
                       ? "released" : System.Text.Encoding.UTF8.GetString(_messages[delivery.Message].Payload.Span),
            ];
        }
    }

    /// <summary>A session that another gateway has stored.</summary>
    public void Put(string gateway, SessionRow row)
    {
        lock (_gate)
        {
            _owners.Add(new Owner(gateway, null));
            _sessions[row.Id] = (row, new(_owners.Count), null);
        }
    }

    public bool IsFailedOver(OwnerNumber owner)
    {
        lock (_gate) return Of(owner).IsFailedOver;
    }

    public int MessageCount
    {
        get { lock (_gate) return _messages.Count; }
    }

    public SessionRow? Session(string key)
    {
        lock (_gate) return _sessions.Values.Select(entry => entry.Row).FirstOrDefault(row => row.Key == key);
    }

    private Owner Of(OwnerNumber number) => _owners[(int)number.Value - 1];

    private void Move(Func<OwnerNumber, bool> from, OwnerNumber to)
    {
        foreach (var (id, entry) in _sessions.Where(entry => from(entry.Value.Owner)).ToArray()) _sessions[id] = (entry.Row, to, IsUnderWay(entry.LeftBy) ? entry.LeftBy : entry.Owner);
    }

    private bool IsUnderWay(OwnerNumber? dead) => dead is { } number && !Of(number).IsFailedOver;

    private void DropSuperseded(OwnerNumber owner)
    {
        foreach (var (id, entry) in _sessions.Where(entry => entry.Value.Owner == owner).ToArray())
        {
            if (_sessions.Values.Any(other => other.Row.Key == entry.Row.Key && other.Row.Epoch > entry.Row.Epoch)) Remove(id);
        }
    }

    private void Remove(long session)
    {
        _sessions.Remove(session);
        foreach (var key in _subscriptions.Keys.Where(key => key.Item1 == session).ToArray()) _subscriptions.Remove(key);
        foreach (var key in _deliveries.Keys.Where(key => key.Item1 == session).ToArray()) _deliveries.Remove(key);
        _received.RemoveWhere(row => row.Session == session);
    }

    private StoredSessions Read(HashSet<long> ids)
    {
        DeliveryRow[] deliveries = [.. _deliveries.Values.Where(row => ids.Contains(row.Session))];
        return new StoredSessions
        {
            Sessions =
            [
                .. ids.Select(id => _sessions[id]).Select(entry => entry.Row with
                {
                    LeftBy = IsUnderWay(entry.LeftBy) ? Of(entry.LeftBy!.Value).Gateway : null,
                }),
            ],
            Subscriptions = [.. _subscriptions.Values.Where(row => ids.Contains(row.Session))],
            Messages = [.. deliveries.Select(row => row.Message).Where(id => id != 0).Distinct().Select(id => _messages[id])],
            Deliveries = deliveries,
            Received = [.. _received.Where(row => ids.Contains(row.Session))],
        };
    }

    private static TaskCompletionSource Opened()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    private sealed class Owner(string gateway, string? name)
    {
        public string Gateway => gateway;
        public string? Name => name;

        /// <summary>Null while it lives.</summary>
        public OwnerNumber? Successor { get; set; }
        public bool IsFailedOver { get; set; }
    }
}
