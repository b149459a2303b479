using System.Threading.Channels;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// The writes of the next transaction, in the order of their keys. A statement can change a row once: a second write of the same record is left
/// for the transaction after, in the order in which they came.
/// </summary>
internal sealed class RecordBatch(int max)
{
    private readonly List<PendingRecord> _writes = new(max);
    private readonly HashSet<(string, string)> _keys = [];
    private List<PendingRecord> _left = [];

    public IReadOnlyList<PendingRecord> Writes => _writes;

    /// <summary>There are writes that the last transaction had no room for.</summary>
    public bool HasLeft => _left.Count > 0;

    /// <summary>Takes what is there, and does not wait for more.</summary>
    public void Gather(ChannelReader<PendingRecord> queue)
    {
        _writes.Clear();
        _keys.Clear();
        var left = _left;
        _left = [];
        foreach (var write in left) Take(write);
        while (_writes.Count < max && _left.Count < max && queue.TryRead(out var write)) Take(write);
        _writes.Sort(ByKey);
    }

    private void Take(PendingRecord pending)
    {
        if (pending.Write is { } write && !_keys.Add((write.Type, write.Key))) _left.Add(pending);
        else if (pending.TryTake()) _writes.Add(pending);
    }

    private static int ByKey(PendingRecord left, PendingRecord right) =>
        string.CompareOrdinal(left.Write?.Type, right.Write?.Type) is var byType and not 0
            ? byType : string.CompareOrdinal(left.Write?.Key, right.Write?.Key);
}
