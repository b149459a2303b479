using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Directory;

/// <summary>
/// All sessions of this gateway by key: connected ones, and persistent ones whose client is away. One lock; connecting is rare.
/// </summary>
internal sealed class SessionDirectory(
    SessionEnding ending, Fences fences, SessionJournal journal, SessionSnapshots snapshots,
    IOptions<SessionOptions> options, GatewayMetrics metrics, GatewayClock clock)
{
    private static readonly SessionEvent TimePassed = new SessionEvent.TimePassed();

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <summary>Gives the client its session, an old one or a new one, and ends the connection that had it (0x8E).</summary>
    /// <param name="refusal">Why it gets none.</param>
    /// <returns>Whether it was there, and where all of this is durable.</returns>
    public (Session Session, bool Present, JournalPosition Position)? Attach(
        ISessionConnection owner, SessionIdentity identity, SessionTerms terms, long now, out ConnectDecision.Refused? refusal)
    {
        Session session;
        Session? replaced = null;
        ISessionConnection? evicted;
        Will? will = null;
        bool present;
        JournalPosition position;
        lock (_gate)
        {
            var old = _sessions.GetValueOrDefault(identity.Key);
            refusal = Refuse(identity, old);
            if (refusal is not null) return null;
            if (old is not null)
            {
                var verdict = Decide(old, new SessionEvent.TakenOver(terms.CleanStart), now);
                if (verdict.Ends) replaced = old;
                will = verdict.Publish;
            }
            present = old is not null && replaced is null;
            session = present ? old! : new Session(identity, options.Value, clock, metrics);
            _sessions[identity.Key] = session;
            evicted = session.Attach(owner, identity, terms.ReceiveMaximum);
            session.ExpirySeconds = terms.ExpirySeconds;
            session.ExpiresAt = null;
            session.Will = terms.Will;
            if (session.ExpirySeconds > 0 && session.Stored is null) session.Keep(journal.NewSession());
            position = snapshots.Note(session, options.Value.ReceiveMaximum);
        }
        if (replaced is not null)
        {
            bool stored = replaced.Stored is not null;
            evicted = ending.Discard(replaced);
            if (stored) position = journal.Position;
        }
        if (evicted is not null)
        {
            metrics.TakenOver();
            evicted.End(EndCause.TakenOver);
        }
        ending.Publish(identity, will, now);
        return (session, present, position);
    }

    /// <summary>The connection is over. The session stays if it has an expiry and the cause lets it.</summary>
    public void Detach(Session session, ISessionConnection owner, EndCause cause, long now)
    {
        SessionVerdict verdict;
        lock (_gate)
        {
            if (!session.Detach(owner)) return;
            verdict = Decide(session, new SessionEvent.ConnectionEnded(cause), now);
            if (!verdict.Ends) snapshots.Note(session, session.Outbound.MaybeSent);
        }
        ending.Publish(session.Identity, verdict.Publish, now);
        if (verdict.Ends) ending.Discard(session);
        ending.Tell(session.Identity, verdict.Lease);
    }

    /// <summary>Publishes wills that are due and ends sessions whose time is up.</summary>
    public void Sweep(long now)
    {
        List<(Session Session, SessionVerdict Verdict)>? due = null;
        lock (_gate)
        {
            foreach (var session in _sessions.Values)
            {
                if (session.ExpiresAt is null) continue;
                var verdict = Decide(session, TimePassed, now);
                if (verdict.Ends || verdict.Publish is not null) (due ??= []).Add((session, verdict));
            }
        }
        foreach (var (session, verdict) in due ?? [])
        {
            ending.Publish(session.Identity, verdict.Publish, now);
            if (verdict.Ends) ending.Discard(session);
            else NoteIfHere(session);
            ending.Tell(session.Identity, verdict.Lease);
        }
    }

    /// <summary>Takes a session out, because a connection with a higher epoch has its client id at another gateway.</summary>
    /// <param name="keep">False: clean start, it ends.</param>
    /// <returns>
    /// The session if it stays, its connection still to be ended; null if there is none that would outlive its connection.
    /// </returns>
    public Session? Release(string key, SessionEpoch epoch, bool keep, long now)
    {
        Session? session;
        SessionVerdict verdict;
        lock (_gate)
        {
            if (!_sessions.TryGetValue(key, out session) || session.Identity.Epoch >= epoch) return null;
            verdict = Decide(session, new SessionEvent.TakenOver(CleanStart: !keep), now);
            _sessions.Remove(key);
        }
        metrics.TakenOver();
        if (verdict.Ends) ending.Discard(session)?.End(EndCause.TakenOver);
        ending.Publish(session.Identity, verdict.Publish, now);
        return verdict.Ends ? null : session;
    }

    /// <summary>Takes in a session whose client is away. An older one of the client's ends: newer wins.</summary>
    /// <param name="awaySince">When its last connection ended.</param>
    /// <returns>False if the client has a newer one here.</returns>
    public bool TryAdd(Session session, long awaySince)
    {
        Release(session.Identity.Key, session.Identity.Epoch, keep: false, clock.NowMs);
        lock (_gate)
        {
            if (!_sessions.TryAdd(session.Identity.Key, session)) return false;
            session.ExpiresAt = SessionEndRules.ExpiryOf(session.ExpirySeconds, awaySince, clock.NowMs);
            snapshots.Note(session, session.Outbound.MaybeSent);
            return true;
        }
    }

    /// <summary>Another gateway has a newer session of the client's: the one here goes, without a word to anybody else.</summary>
    /// <param name="epoch">Of the newer one.</param>
    public void Supersede(string key, SessionEpoch epoch)
    {
        Session? session;
        lock (_gate)
        {
            if (!_sessions.TryGetValue(key, out session) || session.Identity.Epoch >= epoch) return;
            Decide(session, new SessionEvent.Abandoned(), clock.NowMs);
        }
        ending.DiscardCopy(session)?.End(EndCause.TakenOver);
    }

    public Session? Find(string key)
    {
        lock (_gate) return _sessions.GetValueOrDefault(key);
    }

    /// <summary>All of them now.</summary>
    public Session[] GetAll()
    {
        lock (_gate) return [.. _sessions.Values];
    }

    /// <summary>Ends every session that signed in with a certificate. Returns how many.</summary>
    public int EndSessionsOf(CertificateId certificate)
    {
        fences.Raise(certificate);
        var sessions = Array.FindAll(GetAll(), session => session.Identity.Certificate == certificate);
        foreach (var session in sessions) End(session, EndCause.Revoked);
        return sessions.Length;
    }

    /// <summary>Ends all sessions without a word to anybody but their clients: others have seen to the rest.</summary>
    public void Abandon(EndCause cause)
    {
        Session[] sessions;
        lock (_gate)
        {
            sessions = [.. _sessions.Values];
            foreach (var session in sessions) Decide(session, new SessionEvent.Abandoned(), clock.NowMs);
        }
        foreach (var session in sessions) ending.DiscardCopy(session)?.End(cause);
    }

    /// <summary>Why a connection gets no session; null if it gets one. Under the lock: what voids one raises its fence first.</summary>
    private ConnectDecision.Refused? Refuse(SessionIdentity identity, Session? old)
    {
        if (fences.Check(identity) is { } overtaken) return new(ReasonCode.ServerUnavailable, $"Overtaken while it connected: {overtaken}");
        if (old?.Identity.Epoch > identity.Epoch)
            return new(ReasonCode.ServerUnavailable, "Overtaken while it connected: a newer connection has the client identifier.");
        int most = options.Value.MaxSessions;
        return old is null && _sessions.Count >= most
            ? new(ReasonCode.QuotaExceeded, $"There are {most} sessions, which is all that this gateway takes.") : null;
    }

    private void End(Session session, EndCause cause)
    {
        long now = clock.NowMs;
        SessionVerdict verdict;
        lock (_gate)
        {
            if (_sessions.GetValueOrDefault(session.Identity.Key) != session) return;
            verdict = Decide(session, new SessionEvent.Ended(), now);
        }
        // Its subscriptions go first, so that nothing more is delivered; the connection follows with a word of why.
        ending.Discard(session)?.End(cause);
        ending.Publish(session.Identity, verdict.Publish, now);
        ending.Tell(session.Identity, verdict.Lease);
    }

    /// <summary>Under the lock.</summary>
    private SessionVerdict Decide(Session session, SessionEvent e, long now)
    {
        var verdict = SessionEndRules.Decide(new(session.ExpirySeconds, session.ExpiresAt, session.Will), e, now);
        (session.Will, session.ExpiresAt) = (verdict.Will, verdict.ExpiresAt);
        // A newer connection's may be in its place already, while the older one is yet to hear of it.
        if (verdict.Ends && _sessions.GetValueOrDefault(session.Identity.Key) == session) _sessions.Remove(session.Identity.Key);
        return verdict;
    }

    /// <summary>After its will, so that it goes out once more rather than not at all.</summary>
    private void NoteIfHere(Session session)
    {
        lock (_gate)
        {
            if (_sessions.GetValueOrDefault(session.Identity.Key) == session) snapshots.Note(session, session.Outbound.MaybeSent);
        }
    }
}
