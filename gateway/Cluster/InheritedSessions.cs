using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// The sessions that a dead gateway left, at its successor. Closed, they take only what was for the dead gateway, which all others keep
/// apart until then: so each publisher's messages reach them in order. Open, they are sessions like all others.
/// </summary>
internal sealed class InheritedSessions
{
    private volatile bool _isOpen;

    public bool IsOpen
    {
        get => _isOpen;
        set => _isOpen = value;
    }

    public List<Session> Sessions { get; } = [];

    /// <summary>Their shared subscriptions.</summary>
    public ShareMembers Shares { get; } = new();

    /// <summary>Whatever was on its way has come.</summary>
    public void EndDedup()
    {
        foreach (var session in Sessions)
        {
            session.EndDedup();
            session.Inherited = null;
        }
    }
}
