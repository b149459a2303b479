namespace Fleet.Testing.Grains;

/// <summary>
/// The work items of one activation, and which of them may overlap, as Orleans has it: the first that does not interleave holds up all others,
/// except interleaving ones and, if it only reads, others that only read. When it ends the next one may start, whatever still reads beside it.
/// Guarded by the activation's lock.
/// </summary>
internal sealed class WorkQueue(bool reentrant)
{
    private readonly LinkedList<WorkItem> _waiting = [];
    private int _running;
    private WorkItem? _holder;

    /// <summary>Nothing runs; something may wait.</summary>
    public bool IsQuiet => _running == 0;

    public void Add(WorkItem item) => _waiting.AddLast(item);

    public bool TryEnter(WorkItem item)
    {
        if (_holder is not null && !reentrant && !item.AlwaysInterleaves && !(_holder.IsReadOnly && item.IsReadOnly)) return false;
        _running++;
        if (!reentrant && !item.AlwaysInterleaves) _holder ??= item;
        return true;
    }

    public void Exit(WorkItem item)
    {
        _running--;
        if (ReferenceEquals(_holder, item)) _holder = null;
    }

    /// <summary>Takes out, one by one, the items that may start now. Each has entered.</summary>
    /// <param name="opening">The activation is up: from now on interleaving items start as they come, so none of them waits later.</param>
    public IEnumerable<WorkItem> Startable(bool opening = false)
    {
        for (var node = _waiting.First; node is not null && (opening || _holder is not { IsReadOnly: false });)
        {
            var (item, next) = (node.Value, node.Next);
            bool enters = !item.IsAbandoned && TryEnter(item);
            if (enters || item.IsAbandoned) _waiting.Remove(node);
            if (enters) yield return item;
            node = next;
        }
    }

    /// <summary>Takes out all that waits.</summary>
    public WorkItem[] TakeAll()
    {
        WorkItem[] all = [.. _waiting];
        _waiting.Clear();
        return all;
    }
}
