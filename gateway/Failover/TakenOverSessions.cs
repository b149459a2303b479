using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Failover;

/// <summary>The sessions of this gateway's takeovers, each by the gateway that it was asked to take over from.</summary>
internal sealed class TakenOverSessions(
    SessionRestore restore, SessionDirectory directory, Broker broker, ILogger<TakenOverSessions> log)
{
    private readonly Lock _gate = new();

    /// <summary>Held while sessions are taken in: those of a life that is over go with the rest of it.</summary>
    private readonly Lock _takingIn = new();
    private readonly Dictionary<string, InheritedSessions> _byHead = new(StringComparer.Ordinal);

    /// <summary>Takes in what was the gateway's own before, and what gateways of its name left.</summary>
    /// <param name="parts">Of the dead; none: it had nothing of theirs.</param>
    public void AddOwn(StoredSessions stored, ImmutableArray<LeftBehind> parts)
    {
        var inherited = parts.IsEmpty ? null : Inherit(parts);
        restore.Add(stored, row => row.LeftBy is { } dead ? inherited!.PartOf(dead) : null);
    }

    /// <param name="isOver">Whether the life that it belongs to is.</param>
    /// <returns>False: it is over.</returns>
    public bool TryAdd(FailoverEffect.TakeIn take, Func<bool> isOver)
    {
        lock (_takingIn)
        {
            if (isOver()) return false;
            var inherited = Inherit(take.Parts);
            restore.Add(take.Sessions, row => inherited.PartOf(row.LeftBy ?? take.Head));
            return true;
        }
    }

    /// <summary>The sessions take what these gateways publish.</summary>
    public void OpenTo(string head, ImmutableSortedSet<string> gateways)
    {
        if (Find(head) is { } inherited) inherited.From = gateways;
    }

    /// <summary>The sessions take what is published here.</summary>
    public void OpenHere(string head) => Find(head)?.OpenHere();

    /// <summary>The sessions take messages like all others.</summary>
    public void Open(string head)
    {
        if (Find(head) is not { } inherited) return;
        inherited.Open();
        foreach (var session in inherited.Sessions) broker.OpenShares(session);
        log.SessionsInherited(inherited.Sessions.Count, head);
    }

    /// <summary>Whatever was on its way has come.</summary>
    public void EndDedup(string head)
    {
        Find(head)?.EndDedup();
        lock (_gate) _byHead.Remove(head);
    }

    /// <summary>Other gateways have newer ones of the same clients.</summary>
    public void Supersede(ImmutableArray<SupersededSession> sessions)
    {
        foreach (var (key, epoch) in sessions) directory.Supersede(key, epoch);
    }

    /// <summary>The gateway begins anew. Returns when nothing of its life before is being taken in any more.</summary>
    public void Clear()
    {
        lock (_takingIn)
        {
            lock (_gate) _byHead.Clear();
        }
    }

    private InheritedSessions Inherit(ImmutableArray<LeftBehind> parts)
    {
        lock (_gate) return _byHead[parts[0].Dead] = new InheritedSessions(parts);
    }

    private InheritedSessions? Find(string head)
    {
        lock (_gate) return _byHead.GetValueOrDefault(head);
    }
}
