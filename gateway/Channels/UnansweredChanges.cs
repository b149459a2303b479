using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Channels;

/// <summary>
/// Subscriptions whose change the client has not heard of, and what stood in their places: should the store refuse the change, it stands
/// there again. Several changes of one filter may be under way; what the last of them comes to is what counts.
/// </summary>
internal sealed class UnansweredChanges
{
    /// <summary>Null while there are none, which is nearly always.</summary>
    private Dictionary<string, Change>? _byFilter;

    /// <param name="before">Null: nothing stood there.</param>
    public void Begin(string filter, HeldSubscription? before)
    {
        _byFilter ??= new(StringComparer.Ordinal);
        if (!_byFilter.TryGetValue(filter, out var change)) _byFilter.Add(filter, change = new Change(before));
        change.UnderWay++;
    }

    /// <summary>The change is stored.</summary>
    /// <param name="made">Null: it was taken away.</param>
    public void Stored(string filter, HeldSubscription? made)
    {
        var change = _byFilter![filter];
        change.Before = made;
        End(filter, change);
    }

    /// <summary>The change is refused.</summary>
    /// <returns>False if another one of the same filter is under way.</returns>
    public bool TryUndo(string filter, out HeldSubscription? before)
    {
        var change = _byFilter![filter];
        before = change.Before;
        return End(filter, change);
    }

    /// <returns>True if no other change of the same filter is under way.</returns>
    private bool End(string filter, Change change)
    {
        if (--change.UnderWay > 0) return false;
        _byFilter!.Remove(filter);
        if (_byFilter.Count == 0) _byFilter = null;
        return true;
    }

    private sealed class Change(HeldSubscription? before)
    {
        public HeldSubscription? Before { get; set; } = before;
        public int UnderWay { get; set; }
    }
}
