namespace Fleet.Gateway.Sessions;

/// <summary>
/// What a session knows of its way between gateways: none of its messages may be missed, or come twice. Guarded by the session's lock.
/// </summary>
internal sealed class HandoffDedup
{
    private bool _isNew;
    private HashSet<long>? _known;
    private RecentNumbers? _recent;

    /// <summary>At a gateway that it leaves, once another has a copy: sends on what still comes. Called without locks.</summary>
    public Action<Delivery>? SendOn { get; set; }

    /// <summary>Numbers of the last messages that it took in.</summary>
    public IEnumerable<long> Recent => _recent?.All ?? [];

    /// <summary>
    /// It comes from another gateway, which may send on what it has had here already: what reaches it is noted, to be known when it comes
    /// again.
    /// </summary>
    public void Arrive()
    {
        _isNew = true;
        if (_recent is not null) (_known ??= []).UnionWith(_recent.All);
    }

    /// <summary>Whatever was on its way when it came has come.</summary>
    public void Stop()
    {
        _isNew = false;
        _known = null;
    }

    /// <param name="number">0: no other gateway has the message.</param>
    /// <param name="keep">The session outlives its connection, so it may move.</param>
    /// <returns>False if the message has come before, by the other road.</returns>
    public bool Note(long number, bool keep)
    {
        if (number == 0) return true;
        if (_isNew && !(_known ??= []).Add(number)) return false;
        if (keep) (_recent ??= new()).Add(number);
        return true;
    }

    /// <summary>It has had these at the gateway before.</summary>
    public void NoteAll(HashSet<long> had)
    {
        if (_isNew) (_known ??= []).UnionWith(had);
        foreach (long number in had) (_recent ??= new()).Add(number);
    }
}
