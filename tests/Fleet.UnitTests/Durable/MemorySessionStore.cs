using Fleet.Gateway.Durable;

namespace Fleet.UnitTests.Durable;

/// <summary>A session store in memory: writes can be held up, and fail; what is written outlives the gateway that wrote it.</summary>
internal sealed class MemorySessionStore : ISessionStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, (SessionRow Row, long Owner)> _sessions = [];
    private readonly Dictionary<(long, string), SubscriptionRow> _subscriptions = [];
    private readonly Dictionary<long, MessageRow> _messages = [];
    private readonly SortedDictionary<(long, long), DeliveryRow> _deliveries = [];
    private readonly HashSet<ReceivedRow> _received = [];
    private readonly List<(string Gateway, string? Name, bool Fenced)> _owners = [];
    private TaskCompletionSource _open = Opened();

    public Exception? Failure { get; set; }
    public List<SessionBatch> Batches { get; } = [];

    /// <summary>Batches that have come in, whether or not they are held up.</summary>
    public int Asked { get; private set; }

    public bool IsHeld => !_open.Task.IsCompleted;

    public void Hold() => _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _open.TrySetResult();

    public Task<long> Begin(string gatewayId, string? name, CancellationToken cancellation)
    {
        lock (_gate)
        {
            int at = _owners.FindIndex(owner => owner.Gateway == gatewayId);
            if (at < 0)
            {
                _owners.Add((gatewayId, name, false));
                at = _owners.Count - 1;
            }
            for (int i = 0; i < at; i++)
            {
                if (name is null || _owners[i].Name != name) continue;
                _owners[i] = _owners[i] with { Fenced = true };
                foreach (var (id, entry) in _sessions.Where(entry => entry.Value.Owner == i + 1).ToArray()) _sessions[id] = (entry.Row, at + 1);
            }
            return Task.FromResult(at + 1L);
        }
    }

    public Task<StoredSessions> Load(long owner, CancellationToken cancellation)
    {
        lock (_gate) return Task.FromResult(Read([.. _sessions.Where(entry => entry.Value.Owner == owner).Select(entry => entry.Key)]));
    }

    public async Task<bool> Write(long owner, SessionBatch batch, CancellationToken cancellation)
    {
        Asked++;
        await _open.Task;
        lock (_gate)
        {
            if (Failure is not null) throw Failure;
            if (_owners[(int)owner - 1].Fenced) return false;
            Batches.Add(batch);
            foreach (long id in batch.RemovedSessions) Remove(id);
            foreach (var row in batch.Sessions) _sessions[row.Id] = (row, owner);
            foreach (var (session, filter) in batch.RemovedSubscriptions) _subscriptions.Remove((session, filter));
            foreach (var row in batch.Subscriptions) _subscriptions[(row.Session, row.Filter)] = row;
            foreach (var key in batch.RemovedDeliveries) _deliveries.Remove((key.Session, key.Number));
            foreach (var key in batch.ReleasedDeliveries)
            {
                // It may be settled by now, like a row that an UPDATE does not find.
                if (_deliveries.TryGetValue((key.Session, key.Number), out var released)) _deliveries[(key.Session, key.Number)] = released with { Message = 0 };
            }
            foreach (long id in batch.RemovedMessages) _messages.Remove(id);
            foreach (var row in batch.Messages) _messages[row.Id] = row;
            foreach (var row in batch.Deliveries) _deliveries[(row.Session, row.Number)] = row;
            foreach (var row in batch.RemovedReceived) _received.Remove(row);
            foreach (var row in batch.Received) _received.Add(row);
            return true;
        }
    }

    public Task<StoredSessions> Adopt(long owner, string deadGatewayId, string key, CancellationToken cancellation)
    {
        lock (_gate)
        {
            int dead = _owners.FindIndex(o => o.Gateway == deadGatewayId);
            if (dead < 0 || dead + 1 == owner) return Task.FromResult(new StoredSessions());
            _owners[dead] = _owners[dead] with { Fenced = true };
            var found = _sessions.Values.Where(entry => entry.Owner == dead + 1 && entry.Row.Key == key).OrderByDescending(entry => entry.Row.Epoch).Take(1).ToArray();
            foreach (var (row, _) in found) _sessions[row.Id] = (row, owner);
            return Task.FromResult(Read([.. found.Select(entry => entry.Row.Id)]));
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
                   select delivery.Message == 0 ? "released" : System.Text.Encoding.UTF8.GetString(_messages[delivery.Message].Payload.Span),
            ];
        }
    }

    public int MessageCount
    {
        get { lock (_gate) return _messages.Count; }
    }

    public SessionRow? Session(string key)
    {
        lock (_gate) return _sessions.Values.Select(entry => entry.Row).FirstOrDefault(row => row.Key == key);
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
            Sessions = [.. ids.Select(id => _sessions[id].Row)],
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
}
