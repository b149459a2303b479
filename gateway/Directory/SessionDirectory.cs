using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Directory;

/// <summary>What a CONNECT says about the session it wants.</summary>
/// <param name="CleanStart">Begin anew, whatever there is.</param>
/// <param name="ExpirySeconds">As granted.</param>
/// <param name="ReceiveMaximum">QoS 1 and 2 messages that the client takes unacknowledged.</param>
internal sealed record SessionTerms(bool CleanStart, uint ExpirySeconds, int ReceiveMaximum, Will? Will);

/// <summary>Told what the session grains must know. Must not wait.</summary>
internal interface ISessionLeaseReleaser
{
    /// <summary>The session is gone for good.</summary>
    void Release(SessionIdentity identity);

    /// <summary>Its will has gone out, or will never: the session stays.</summary>
    void ForgetWill(SessionIdentity identity);
}

/// <summary>
/// All sessions of this gateway by key: connected ones, and persistent ones whose client is away. One lock; connecting is rare.
/// </summary>
internal sealed class SessionDirectory(
    Broker broker, ISessionLeaseReleaser leases, Fences fences, SessionJournal journal, SessionSnapshots snapshots,
    IOptions<SessionOptions> options, GatewayMetrics metrics, GatewayClock clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <summary>Gives the client its session, an old one or a new one, and ends the connection that had it (0x8E).</summary>
    /// <param name="refusal">Why it gets none.</param>
    /// <returns>Whether it was there, and where all of this is durable.</returns>
    public (Session Session, bool Present, JournalPosition Position)? Attach(
        ISessionOwner owner, SessionIdentity identity, SessionTerms terms, long now, out ConnectDecision.Refused? refusal)
    {
        Session session;
        Session? replaced = null;
        ISessionOwner? evicted;
        Publication? will = null;
        bool present;
        JournalPosition position;
        lock (_gate)
        {
            // Under the lock: what voids a session raises its fence first, and then looks for it here.
            refusal = fences.Check(identity) is { } overtaken
                ? new(ReasonCode.ServerUnavailable, $"Overtaken while it connected: {overtaken}") : null;
            if (refusal is not null) return null;
            present = _sessions.TryGetValue(identity.Key, out var old) && !terms.CleanStart;
            if (old?.Identity.Epoch > identity.Epoch)
            {
                refusal = new(ReasonCode.ServerUnavailable, "Overtaken while it connected: a newer connection has the client identifier.");
                return null;
            }
            if (old is null && _sessions.Count >= options.Value.MaxSessions)
            {
                refusal = new(
                    ReasonCode.QuotaExceeded, $"There are {options.Value.MaxSessions} sessions, which is all that this gateway takes.");
                return null;
            }
            session = present ? old! : new Session(identity, options.Value, clock, metrics);
            if (old is not null)
            {
                // The old connection's will goes out, unless its delay outlives the takeover [MQTT-3.1.3-9].
                if (old.Will is { } last && (!present || (last.DelaySeconds == 0 && last.DueAt is null))) will = last.At(now);
                if (!present) replaced = old;
            }
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
            evicted = Discard(replaced);
            if (stored) position = journal.Position;
        }
        if (evicted is not null)
        {
            metrics.TakenOver();
            evicted.End(EndCause.TakenOver);
        }
        if (will is not null) _ = broker.Publish(will);
        return (session, present, position);
    }

    /// <summary>The connection is over. The session stays if it has an expiry and the cause lets it.</summary>
    public void Detach(Session session, ISessionOwner owner, EndCause cause, long now)
    {
        Publication? will = null;
        bool ends, willWas;
        lock (_gate)
        {
            if (!session.Detach(owner)) return;
            willWas = session.Will is not null;
            ends = cause.EndsSession || session.ExpirySeconds == 0;
            if (!cause.SendsWill)
            {
                session.Will = null;
            }
            else if (session.Will is { } last && (ends || last.DelaySeconds == 0))
            {
                will = last.At(now);
                session.Will = null;
            }
            else if (session.Will is { } later)
            {
                session.Will = later with { DueAt = now + (Math.Min(later.DelaySeconds, session.ExpirySeconds) * 1000L) };
            }
            // A newer connection's may be in its place already, while this one is yet to hear of it.
            if (ends)
            {
                if (_sessions.GetValueOrDefault(session.Identity.Key) == session) _sessions.Remove(session.Identity.Key);
            }
            else
            {
                session.ExpiresAt = now + (session.ExpirySeconds * 1000L);
                snapshots.Note(session, session.Outbound.MaybeSent);
            }
        }
        if (will is not null) _ = broker.Publish(will);
        if (!ends)
        {
            if (willWas && session.Will is null) leases.ForgetWill(session.Identity);
            return;
        }
        Discard(session);
        leases.Release(session.Identity);
    }

    /// <summary>Publishes wills that are due and ends sessions whose time is up.</summary>
    public void Sweep(long now)
    {
        List<(Publication Will, Session Session)>? wills = null;
        List<Session>? ended = null;
        lock (_gate)
        {
            foreach (var session in _sessions.Values)
            {
                if (session.ExpiresAt is null) continue;
                bool over = session.ExpiresAt <= now;
                if (session.Will is { DueAt: { } due } will && (due <= now || over))
                {
                    (wills ??= []).Add((will.At(now), session));
                    session.Will = null;
                }
                if (over) (ended ??= []).Add(session);
            }
            foreach (var session in ended ?? []) _sessions.Remove(session.Identity.Key);
        }
        foreach (var (will, session) in wills ?? [])
        {
            _ = broker.Publish(will);
            if (session.ExpiresAt > now) leases.ForgetWill(session.Identity);
            // After its message, so that it goes out once more rather than not at all.
            lock (_gate)
            {
                if (_sessions.GetValueOrDefault(session.Identity.Key) == session) snapshots.Note(session, session.Outbound.MaybeSent);
            }
        }
        foreach (var session in ended ?? [])
        {
            Discard(session);
            leases.Release(session.Identity);
        }
    }

    /// <summary>Ends the session of a client id whose lease has passed to a newer connection elsewhere.</summary>
    public void End(string key, string sessionId, EndCause cause)
    {
        Session? session;
        lock (_gate) session = _sessions.GetValueOrDefault(key);
        if (session?.Identity.SessionId == sessionId) End(session, cause);
    }

    /// <summary>Takes a session out, because a connection with a higher epoch has its client id at another gateway.</summary>
    /// <param name="keep">False: clean start, it ends.</param>
    /// <returns>
    /// The session if it stays, its connection still to be ended; null if there is none that would outlive its connection.
    /// </returns>
    public Session? Release(string key, long epoch, bool keep, long now)
    {
        Session? session;
        Publication? will = null;
        lock (_gate)
        {
            if (!_sessions.TryGetValue(key, out session) || session.Identity.Epoch >= epoch) return null;
            _sessions.Remove(key);
            keep &= session.ExpirySeconds > 0;
            // As in Attach: the will goes out, unless its delay outlives the takeover [MQTT-3.1.3-9].
            if (session.Will is { } last && (!keep || (last.DelaySeconds == 0 && last.DueAt is null))) will = last.At(now);
            session.Will = null;
        }
        metrics.TakenOver();
        if (!keep) Discard(session)?.End(EndCause.TakenOver);
        if (will is not null) _ = broker.Publish(will);
        return keep ? session : null;
    }

    /// <summary>Takes in a session whose client is away. An older one of the client's ends: newer wins.</summary>
    /// <returns>False if the client has a newer one here.</returns>
    public bool TryAdd(Session session, long now)
    {
        Release(session.Identity.Key, session.Identity.Epoch, keep: false, now);
        lock (_gate)
        {
            if (!_sessions.TryAdd(session.Identity.Key, session)) return false;
            session.ExpiresAt = now + (session.ExpirySeconds * 1000L);
            snapshots.Note(session, session.Outbound.MaybeSent);
            return true;
        }
    }

    public Session? Find(string key)
    {
        lock (_gate) return _sessions.GetValueOrDefault(key);
    }

    /// <summary>Sessions whose client is away.</summary>
    public int CountAway()
    {
        lock (_gate) return _sessions.Values.Count(session => !session.IsConnected);
    }

    /// <summary>Messages that wait for clients.</summary>
    public (long Queued, long InFlight) CountBacklog()
    {
        Session[] sessions;
        lock (_gate) sessions = [.. _sessions.Values];
        (long queued, long inFlight) = (0, 0);
        foreach (var session in sessions)
        {
            var (waiting, sent) = session.Outbound.Backlog;
            queued += waiting;
            inFlight += sent;
        }
        return (queued, inFlight);
    }

    /// <summary>Ends every session that signed in with a certificate. Returns how many.</summary>
    public int EndSessionsOf(CertificateId certificate)
    {
        fences.Raise(certificate);
        Session[] sessions;
        lock (_gate) sessions = [.. _sessions.Values.Where(session => session.Identity.Certificate == certificate)];
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
            _sessions.Clear();
            foreach (var session in sessions) session.Will = null;
        }
        foreach (var session in sessions) DiscardCopy(session)?.End(cause);
    }

    private void End(Session session, EndCause cause)
    {
        Publication? will;
        lock (_gate)
        {
            if (_sessions.GetValueOrDefault(session.Identity.Key) != session) return;
            _sessions.Remove(session.Identity.Key);
            will = session.Will?.At(clock.NowMs);
            session.Will = null;
        }
        // Its subscriptions go first, so that nothing more is delivered; the connection follows with a word of why.
        Discard(session)?.End(cause);
        if (will is not null) _ = broker.Publish(will);
        leases.Release(session.Identity);
    }

    /// <summary>Ends a session that is not in the directory (any more). Returns the connection it had.</summary>
    public ISessionOwner? Discard(Session session)
    {
        var ended = session.End();
        broker.Forget(session, ended);
        return ended.Owner;
    }

    /// <summary>As <see cref="Discard"/>, where another copy is the right one: what it has is not given to anybody.</summary>
    public ISessionOwner? DiscardCopy(Session session)
    {
        session.Move.Supersede();
        return Discard(session);
    }
}
