using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Failover;

/// <summary>
/// The sessions of a takeover, from when the directory has them until nothing late is expected. Each keeps whose it was: a message for a
/// dead successor may have reached that one's own sessions, and not those that it was about to take.
/// </summary>
internal sealed class InheritedSessions
{
    private readonly Dictionary<string, Part> _parts = new(StringComparer.Ordinal);
    private volatile ImmutableSortedSet<string> _from = Ids.None;
    private volatile bool _isOpen, _isOpenHere;

    public InheritedSessions(ImmutableArray<LeftBehind> parts)
    {
        foreach (var part in parts) _parts.Add(part.Dead, new Part(this, part));
    }

    public List<Session> Sessions { get; } = [];

    /// <summary>The gateways that have handed over.</summary>
    public ImmutableSortedSet<string> From
    {
        set => _from = value;
    }

    public ISessionIntake PartOf(string dead) => _parts[dead];

    /// <summary>What this gateway had itself for the dead is in the sessions.</summary>
    public void OpenHere() => _isOpenHere = true;

    /// <summary>All have handed over.</summary>
    public void Open() => _isOpen = true;

    /// <summary>Whatever was on its way has come.</summary>
    public void EndDedup()
    {
        foreach (var session in Sessions)
        {
            session.Move.EndDedup();
            session.Intake = null;
        }
    }

    private sealed class Part(InheritedSessions all, LeftBehind left) : ISessionIntake
    {
        public bool IsOpen => all._isOpen;

        public bool IsOpenTo(string? gatewayId) => all._isOpen || (gatewayId is null ? all._isOpenHere : all._from.Contains(gatewayId));

        public bool IsFor(ImmutableArray<string> deadGateways) => deadGateways.Contains(left.Dead);

        public void Add(Session session) => all.Sessions.Add(session);
    }
}
