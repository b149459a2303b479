using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Channels;

/// <summary>
/// Subscriptions whose change the client has not heard of, and what stood in their places: should the store refuse the change, it stands
/// there again. Several changes of one filter may be under way; what the last of them comes to is what counts.
/// </summary>
internal sealed class UnansweredChanges
{
    private readonly Dictionary<string, Change> _byFilter = new(StringComparer.Ordinal);

    /// <param name="before">Null: nothing stood there.</param>
    public void Begin(string filter, HeldSubscription? before)
    {
        if (!_byFilter.TryGetValue(filter, out var change)) _byFilter.Add(filter, change = new Change(before));
        change.UnderWay++;
    }

    /// <summary>The change is stored.</summary>
    /// <param name="made">Null: it was taken away.</param>
    public void Stored(string filter, HeldSubscription? made)
    {
        var change = _byFilter[filter];
        change.Before = made;
        if (--change.UnderWay == 0) _byFilter.Remove(filter);
    }

    /// <summary>The change is refused.</summary>
    /// <returns>False if another one of the same filter is under way.</returns>
    public bool TryUndo(string filter, out HeldSubscription? before)
    {
        var change = _byFilter[filter];
        before = change.Before;
        return --change.UnderWay == 0 && _byFilter.Remove(filter);
    }

    private sealed class Change(HeldSubscription? before)
    {
        public HeldSubscription? Before { get; set; } = before;
        public int UnderWay { get; set; }
    }
}
