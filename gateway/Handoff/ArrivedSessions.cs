using Fleet.Gateway.Sessions;
using Fleet.Interfaces;

namespace Fleet.Gateway.Handoff;

/// <summary>
/// Sessions that are here, and that another gateway handed over or had an older copy of: what it still sends on is for them, as far as they
/// have not had it.
/// </summary>
internal sealed class ArrivedSessions
{
    private readonly Lock _gate = new();
    private readonly List<Arrival> _arrivals = [];

    /// <param name="epoch">With which it was taken over there.</param>
    /// <param name="until">When nothing late is expected any more. Monotonic milliseconds.</param>
    public void Add(Session session, SessionEpoch epoch, string from, long until)
    {
        session.Move.Arrive();
        lock (_gate) _arrivals.Add(new Arrival(session, epoch, from, until));
    }

    public Session? Find(string key, SessionEpoch epoch, string from)
    {
        lock (_gate)
        {
            return _arrivals.Find(
                arrival => arrival.Epoch == epoch && arrival.From == from && arrival.Session.Identity.Key == key)?.Session;
        }
    }

    public void Sweep(long now)
    {
        lock (_gate)
        {
            foreach (var arrival in _arrivals.Where(arrival => arrival.Until <= now)) arrival.Session.Move.EndDedup();
            _arrivals.RemoveAll(arrival => arrival.Until <= now);
        }
    }

    public void Clear()
    {
        lock (_gate) _arrivals.Clear();
    }

    private sealed record Arrival(Session Session, SessionEpoch Epoch, string From, long Until);
}
