namespace Fleet.Testing.Grains;

/// <summary>
/// The work items of one activation, and which of them may overlap, as Orleans has it: one that does not interleave holds up all others,
/// except interleaving ones and, if it only reads, others that only read. Guarded by the activation's lock.
/// </summary>
internal sealed class WorkQueue(bool reentrant)
{
    private readonly LinkedList<WorkItem> _waiting = [];
    private int _running;
    private int _reading;
    private int _writing;

    /// <summary>Nothing runs; something may wait.</summary>
    public bool IsQuiet => _running == 0;

    public void Add(WorkItem item) => _waiting.AddLast(item);

    public bool TryEnter(WorkItem item)
    {
        if (HoldsUpOthers(item) && (_writing > 0 || (_reading > 0 && !item.IsReadOnly))) return false;
        Count(item, +1);
        return true;
    }

    public void Exit(WorkItem item) => Count(item, -1);

    /// <summary>Takes out, one by one, the items that may start now. Each has entered.</summary>
    /// <param name="opening">The activation is up: from now on interleaving items start as they come, so none of them waits later.</param>
    public IEnumerable<WorkItem> Startable(bool opening = false)
    {
        for (var node = _waiting.First; node is not null && (opening || _writing == 0);)
        {
            var (item, next) = (node.Value, node.Next);
            bool enters = !item.IsAbandoned && TryEnter(item);
            if (enters || item.IsAbandoned) _waiting.Remove(node);
            if (enters) yield return item;
            node = next;
        }
    }

    /// <summary>Takes out all that waits.</summary>
    public WorkItem[] RemoveAll()
    {
        WorkItem[] all = [.. _waiting];
        _waiting.Clear();
        return all;
    }

    private bool HoldsUpOthers(WorkItem item) => !reentrant && !item.AlwaysInterleaves;

    private void Count(WorkItem item, int change)
    {
        _running += change;
        if (!HoldsUpOthers(item)) return;
        if (item.IsReadOnly) _reading += change;
        else _writing += change;
    }
}
