namespace Fleet.Gateway.Sessions;

/// <summary>A session that has passed to another gateway.</summary>
internal sealed class OutboundHandoff(Session session)
{
    public Session Session => session;

    /// <summary>Of the connection that took it over: whoever has that collects it.</summary>
    public required long Epoch { get; set; }
    public required long Until { get; set; }

    /// <summary>It went on before it was quite here; null if it was here.</summary>
    public InboundHandoff? Inbound { get; init; }

    /// <summary>Until then it is not collected before it is here.</summary>
    public long WaitsUntil { get; init; }

    /// <summary>Collected already. A gateway that has missed the answer gets it again.</summary>
    public SessionMessages? Messages { get; set; }

    /// <summary>The client is back, or was and is gone again: another session is its own here by now, and this one only waits to be collected.</summary>
    public bool IsOutdated { get; set; }
}

/// <summary>
/// What has left this gateway, by key and epoch. A client that wanders to and fro leaves more than once, and each time another gateway comes for its
/// messages, sooner or later. Guarded by the lock of <see cref="SessionHandoff"/>.
/// </summary>
internal sealed class OutboundHandoffs
{
    /// <summary>Of each key in the order of their epochs; nearly always one.</summary>
    private readonly Dictionary<string, List<OutboundHandoff>> _all = new(StringComparer.Ordinal);

    public IReadOnlyList<OutboundHandoff> Of(string key) => _all.GetValueOrDefault(key) ?? [];

    public OutboundHandoff? Find(string key, long epoch) => Of(key).FirstOrDefault(outbound => outbound.Epoch == epoch);

    /// <summary>The one that is the client's; null if there is none, or the client has another session here by now.</summary>
    public OutboundHandoff? Current(string key) => Of(key) is [.., { IsOutdated: false } last] ? last : null;

    public void Add(OutboundHandoff outbound)
    {
        string key = outbound.Session.Identity.Key;
        if (!_all.TryGetValue(key, out var handoffs)) _all[key] = handoffs = [];
        handoffs.Add(outbound);
    }

    public void Remove(OutboundHandoff outbound)
    {
        string key = outbound.Session.Identity.Key;
        if (_all.TryGetValue(key, out var handoffs) && handoffs.Remove(outbound) && handoffs.Count == 0) _all.Remove(key);
    }

    /// <summary>Takes out those whose time is up.</summary>
    public Session[] RemoveUntil(long now)
    {
        OutboundHandoff[] gone = [.. _all.Values.SelectMany(handoffs => handoffs.Where(outbound => outbound.Until <= now))];
        foreach (var outbound in gone) Remove(outbound);
        return [.. gone.Select(outbound => outbound.Session)];
    }
}
