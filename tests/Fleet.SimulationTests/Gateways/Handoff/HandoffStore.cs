namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>A session's row, and what its client is owed, by number.</summary>
internal sealed class StoredRow(long id, string key, long epoch, string owner)
{
    public long Id => id;
    public string Key => key;
    public long Epoch { get; set; } = epoch;
    public string Owner { get; set; } = owner;

    /// <summary>The dead gateways that left it.</summary>
    public HashSet<string> LeftBy { get; } = [];
}

/// <summary>A message that a session is owed, as the store has it.</summary>
internal sealed record StoredEntry(long Number, string Text, ushort PacketId, bool Released);

/// <summary>One change of the store. Those of a page are made together, in order.</summary>
internal abstract record StoreChange
{
    public sealed record Put(long Row, string Key, long Epoch) : StoreChange;

    public sealed record Remove(long Row) : StoreChange;

    public sealed record Owe(long Row, StoredEntry Entry) : StoreChange;

    public sealed record Release(long Row, ushort PacketId) : StoreChange;

    public sealed record Finish(long Row, ushort PacketId) : StoreChange;

    public sealed record Mark(string Sender, long Number) : StoreChange;
}

/// <summary>The database: rows with owners, of which the fenced write nothing any more.</summary>
internal sealed class HandoffStore
{
    private readonly Dictionary<long, StoredRow> _rows = [];
    private readonly Dictionary<long, List<StoredEntry>> _entries = [];
    private readonly Dictionary<(string Owner, string Sender), long> _marks = [];
    private readonly Dictionary<string, string> _successors = [];

    /// <returns>False: the owner is fenced.</returns>
    public bool Write(string owner, IReadOnlyList<StoreChange> page)
    {
        if (_successors.ContainsKey(owner)) return false;
        foreach (var change in page)
        {
            switch (change)
            {
                case StoreChange.Put put when _rows.TryGetValue(put.Row, out var row): row.Epoch = put.Epoch; break;
                case StoreChange.Put put: _rows[put.Row] = new(put.Row, put.Key, put.Epoch, owner); break;
                case StoreChange.Remove remove: Remove(remove.Row); break;
                case StoreChange.Owe owe when Entries(owe.Row) is var all && all.All(entry => entry.PacketId != owe.Entry.PacketId): all.Add(owe.Entry); break;
                case StoreChange.Release release:
                    int at = Entries(release.Row).FindIndex(entry => entry.PacketId == release.PacketId);
                    if (at >= 0) Entries(release.Row)[at] = Entries(release.Row)[at] with { Released = true };
                    break;
                case StoreChange.Finish finish: Entries(finish.Row).RemoveAll(entry => entry.PacketId == finish.PacketId); break;
                case StoreChange.Mark mark: _marks[(owner, mark.Sender)] = mark.Number; break;
            }
        }
        return true;
    }

    /// <summary>The sessions of a dead gateway are its successor's; of two sessions of one client the older goes.</summary>
    public IReadOnlyList<(StoredRow Row, IReadOnlyList<StoredEntry> Owed)> Inherit(string dead, string successor)
    {
        _successors[dead] = successor;
        foreach (var row in _rows.Values.Where(row => row.Owner == dead).ToArray())
        {
            if (_rows.Values.Any(other => other.Key == row.Key && other.Epoch > row.Epoch)) Remove(row.Id);
            else (_, row.Owner) = (row.LeftBy.Add(dead), successor);
        }
        return [.. _rows.Values.Where(row => row.Owner == successor).Select(row => (row, (IReadOnlyList<StoredEntry>)[.. Entries(row.Id)]))];
    }

    public string? SuccessorOf(string dead) => _successors.GetValueOrDefault(dead);

    public long StoredUpTo(string owner, string sender) => _marks.GetValueOrDefault((owner, sender));

    public string? FindOwner(string key) =>
        _rows.Values.Where(row => row.Key == key).MaxBy(row => row.Epoch)?.Owner;

    private List<StoredEntry> Entries(long row) =>
        _entries.TryGetValue(row, out var entries) ? entries : _entries[row] = [];

    private void Remove(long row)
    {
        _rows.Remove(row);
        _entries.Remove(row);
    }
}

/// <summary>What one gateway is about to write: a page at a time, which fails before or after it landed, and is then written again.</summary>
internal sealed class HandoffJournal(HandoffTurns turns, HandoffStore store, string owner, double failing)
{
    private readonly List<(long Position, Action Then)> _waiting = [];
    private List<StoreChange> _page = [];
    private long _number = 1, _durable;
    private bool _writing, _closed;

    /// <summary>Where all that was noted so far is durable.</summary>
    public long Position => _page.Count > 0 ? _number : _number - 1;

    public bool IsDurable(long position) => position <= _durable;

    public long Note(params ReadOnlySpan<StoreChange> changes)
    {
        _page.AddRange(changes);
        if (!_writing && !_closed)
        {
            _writing = true;
            turns.After(turns.Next(2), Cut);
        }
        return _number;
    }

    public void WhenDurable(long position, Action then)
    {
        if (IsDurable(position)) then();
        else _waiting.Add((position, then));
    }

    public Task WhenDurable(long position)
    {
        var done = new TaskCompletionSource();
        WhenDurable(position, () => turns.Complete(done));
        return done.Task;
    }

    public void Close() => _closed = true;

    private void Cut()
    {
        if (_closed) return;
        if (_page.Count == 0)
        {
            _writing = false;
            return;
        }
        var page = _page;
        long number = _number++;
        _page = [];
        // What is under way when a gateway is killed may still land.
        turns.After(turns.Between(1, turns.Chance(0.05) ? 2_000 : 10), () => Write(page, number));
    }

    private void Write(List<StoreChange> page, long number)
    {
        bool before = turns.Chance(failing / 2), after = turns.Chance(failing / 2);
        bool written = !before && store.Write(owner, page);
        if (_closed) return;
        if (before || after)
        {
            turns.After(100, () => Write(page, number));
            return;
        }
        if (!written) return;
        _durable = number;
        foreach (var (position, then) in _waiting.Where(wait => wait.Position <= number).ToArray())
        {
            _waiting.Remove((position, then));
            then();
        }
        Cut();
    }
}
