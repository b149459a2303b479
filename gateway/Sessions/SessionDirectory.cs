using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Sessions;

/// <summary>What a CONNECT says about the session it wants.</summary>
/// <param name="CleanStart">Begin anew, whatever there is.</param>
/// <param name="ExpirySeconds">As granted.</param>
/// <param name="ReceiveMaximum">QoS 1 messages that the client takes unacknowledged.</param>
internal sealed record SessionTerms(bool CleanStart, uint ExpirySeconds, int ReceiveMaximum, Will? Will);

/// <summary>Told when a session is gone for good. Must not wait.</summary>
internal interface ISessionLeases
{
    void Release(SessionIdentity identity);
}

/// <summary>All sessions of this gateway by key: connected ones, and persistent ones whose client is away. One lock; connecting is rare.</summary>
internal sealed class SessionDirectory(Broker broker, ISessionLeases leases, IOptions<GatewayOptions> options, GatewayMetrics metrics)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    /// <summary>Gives the client its session, an old one or a new one, and ends the connection that had it (0x8E).</summary>
    public (Session Session, bool Present) Attach(ISessionOwner owner, SessionIdentity identity, SessionTerms terms, long now)
    {
        Session session;
        Session? replaced = null;
        ISessionOwner? evicted;
        Publication? will = null;
        bool present;
        lock (_gate)
        {
            present = _sessions.TryGetValue(identity.Key, out var old) && !terms.CleanStart;
            session = present ? old! : new Session(identity, options.Value, metrics);
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
        }
        if (replaced is not null) evicted = Discard(replaced);
        if (evicted is not null)
        {
            metrics.TakenOver();
            evicted.End(EndCause.TakenOver);
        }
        if (will is not null) _ = broker.Publish(will);
        return (session, present);
    }

    /// <summary>The connection is over. The session stays if it has an expiry and the cause lets it.</summary>
    public void Detach(Session session, ISessionOwner owner, EndCause cause, long now)
    {
        Publication? will = null;
        bool ends;
        lock (_gate)
        {
            if (!session.Detach(owner)) return;
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
            if (ends) _sessions.Remove(session.Identity.Key);
            else session.ExpiresAt = now + (session.ExpirySeconds * 1000L);
        }
        if (will is not null) _ = broker.Publish(will);
        if (!ends) return;
        Discard(session);
        leases.Release(session.Identity);
    }

    /// <summary>Publishes wills that are due and ends sessions whose time is up.</summary>
    public void Sweep(long now)
    {
        List<Publication>? wills = null;
        List<Session>? ended = null;
        lock (_gate)
        {
            foreach (var session in _sessions.Values)
            {
                if (session.ExpiresAt is null) continue;
                bool over = session.ExpiresAt <= now;
                if (session.Will is { DueAt: { } due } will && (due <= now || over))
                {
                    (wills ??= []).Add(will.At(now));
                    session.Will = null;
                }
                if (over) (ended ??= []).Add(session);
            }
            foreach (var session in ended ?? []) _sessions.Remove(session.Identity.Key);
        }
        foreach (var will in wills ?? []) _ = broker.Publish(will);
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

    /// <summary>Ends every session that signed in with a certificate. Returns how many.</summary>
    public int EndSessionsOf(CertificateId certificate)
    {
        Session[] sessions;
        lock (_gate) sessions = [.. _sessions.Values.Where(session => session.Identity.Certificate == certificate)];
        foreach (var session in sessions) End(session, EndCause.Revoked);
        return sessions.Length;
    }

    /// <summary>Ends every connection; sessions with an expiry would stay, if the process did.</summary>
    public void EndAll(EndCause cause)
    {
        Session[] sessions;
        lock (_gate) sessions = [.. _sessions.Values];
        foreach (var session in sessions) session.EndConnection(cause);
    }

    private void End(Session session, EndCause cause)
    {
        Publication? will;
        lock (_gate)
        {
            if (_sessions.GetValueOrDefault(session.Identity.Key) != session) return;
            _sessions.Remove(session.Identity.Key);
            will = session.Will?.Message;
            session.Will = null;
        }
        // Its subscriptions go first, so that nothing more is delivered; the connection follows with a word of why.
        Discard(session)?.End(cause);
        if (will is not null) _ = broker.Publish(will);
        leases.Release(session.Identity);
    }

    private ISessionOwner? Discard(Session session)
    {
        var (filters, owner) = session.End();
        broker.Forget(session, filters);
        return owner;
    }
}
