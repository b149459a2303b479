using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Retained;

/// <summary>
/// The gateway serves while what was kept is still being read; connections whose subscriptions wait for it are woken when it is there.
/// </summary>
internal sealed class FirstReading
{
    private readonly Lock _gate = new();
    private HashSet<ISessionConnection>? _waiting = [];

    public bool IsOver => Volatile.Read(ref _waiting) is null;

    /// <returns>False if it is not; then the owner is woken when it is.</returns>
    public bool IsOverFor(ISessionConnection owner)
    {
        if (IsOver) return true;
        lock (_gate)
        {
            _waiting?.Add(owner);
            return IsOver;
        }
    }

    public void End()
    {
        HashSet<ISessionConnection>? waiting;
        lock (_gate)
        {
            waiting = _waiting;
            Volatile.Write(ref _waiting, null);
        }
        foreach (var owner in waiting ?? []) owner.Wake();
    }
}
