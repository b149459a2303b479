using System.Diagnostics;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Directory;

/// <summary>A session as these rules see it.</summary>
/// <param name="ExpirySeconds">0: it ends with its connection.</param>
/// <param name="ExpiresAt">When its time is up; null while it has a connection. Monotonic milliseconds, as all instants here.</param>
internal readonly record struct SessionFacts(uint ExpirySeconds, long? ExpiresAt, Will? Will);

/// <summary>What may end a session, or send its will.</summary>
internal abstract record SessionEvent
{
    private SessionEvent() { }

    /// <summary>A newer connection has the client id, at this gateway or another. MQTT 5.0, 3.1.4.</summary>
    public sealed record TakenOver(bool CleanStart) : SessionEvent;

    /// <summary>Its connection is over, and no newer one has it.</summary>
    public sealed record ConnectionEnded(EndCause Cause) : SessionEvent;

    /// <summary>It is to end now: its certificate is no longer good, or its lease has passed to another.</summary>
    public sealed record Ended : SessionEvent;

    /// <summary>Session and will are another gateway's: this one was taken for dead, or has an older copy.</summary>
    public sealed record Abandoned : SessionEvent;

    /// <summary>It comes from the store.</summary>
    /// <param name="AwaySince">When its last connection ended.</param>
    public sealed record Restored(long AwaySince) : SessionEvent;

    public sealed record TimePassed : SessionEvent;
}

/// <summary>What becomes of a session and its will.</summary>
/// <param name="Ends">The session is over; it stays otherwise.</param>
/// <param name="ExpiresAt">See <see cref="SessionFacts.ExpiresAt"/>.</param>
/// <param name="Will">That it still has.</param>
/// <param name="Publish">The will that goes out now.</param>
/// <param name="Lease">What its grain must hear.</param>
internal readonly record struct SessionVerdict(
    bool Ends, long? ExpiresAt = null, Will? Will = null, Will? Publish = null, LeaseNotice Lease = LeaseNotice.None);

internal enum LeaseNotice
{
    None,

    /// <summary>The will has gone out, or never will.</summary>
    ForgetWill,

    /// <summary>The session is gone for good.</summary>
    Release,
}

/// <summary>
/// When a session ends and what becomes of its will. MQTT 5.0, 3.1.2.5 (will), 3.1.3.2.2 (its delay), 3.1.2.11.2 (expiry), 3.1.4
/// (take-over), 3.14 (DISCONNECT). A will goes out once: when its delay has passed or its session ends, whatever is first.
/// </summary>
internal static class SessionEndRules
{
    /// <summary>
    /// A session whose time is up when it comes back from the store has this much more: its client may have connected again just before the
    /// kill, and that not been stored.
    /// </summary>
    private const long RestoredGraceMs = 60_000;

    public static SessionVerdict Decide(in SessionFacts session, SessionEvent e, long now) => e switch
    {
        // It would have ended with its connection, so there is nothing that the newer one could go on with [MQTT-3.1.2-6 of 3.1.1].
        SessionEvent.TakenOver t when t.CleanStart || session.ExpirySeconds == 0 => new(Ends: true, Publish: session.Will),
        // The newer connection comes before the will's delay has passed, if it has one [MQTT-3.1.3-9].
        SessionEvent.TakenOver => new(Ends: false, session.ExpiresAt, Publish: IsDue(session.Will, now) ? session.Will : null),
        SessionEvent.ConnectionEnded { Cause: var cause } => AfterConnection(session, cause, now),
        SessionEvent.Ended => new(Ends: true, Publish: session.Will, Lease: LeaseNotice.Release),
        SessionEvent.Abandoned => new(Ends: true),
        SessionEvent.Restored r => Restore(session, r.AwaySince, now),
        SessionEvent.TimePassed => AfterTime(session, now),
        _ => throw new UnreachableException($"{e.GetType().Name} has no rule"),
    };

    /// <summary>When the time of a session is up that has no connection.</summary>
    /// <param name="awaySince">When its last connection ended.</param>
    public static long ExpiryOf(uint expirySeconds, long awaySince, long now)
    {
        long expiresAt = awaySince + (expirySeconds * 1000L);
        return expiresAt > now ? expiresAt : expiresAt + RestoredGraceMs;
    }

    /// <summary>When a will is due whose connection ended now: with the session at the latest.</summary>
    public static long DueOf(uint delaySeconds, uint expirySeconds, long now) => now + (Math.Min(delaySeconds, expirySeconds) * 1000L);

    private static SessionVerdict AfterConnection(in SessionFacts session, EndCause cause, long now)
    {
        var will = cause.SendsWill ? session.Will : null;
        if (cause.EndsSession || session.ExpirySeconds == 0) return new(Ends: true, Publish: will, Lease: LeaseNotice.Release);
        long expiresAt = ExpiryOf(session.ExpirySeconds, now, now);
        if (will is { DelaySeconds: > 0 })
            return new(Ends: false, expiresAt, will with { DueAt = DueOf(will.DelaySeconds, session.ExpirySeconds, now) });
        return new(Ends: false, expiresAt, Publish: will, Lease: session.Will is null ? LeaseNotice.None : LeaseNotice.ForgetWill);
    }

    private static SessionVerdict Restore(in SessionFacts session, long awaySince, long now)
    {
        long expiresAt = ExpiryOf(session.ExpirySeconds, awaySince, now);
        return session.ExpirySeconds == 0 || expiresAt <= now
            ? new(Ends: true, Publish: session.Will, Lease: LeaseNotice.Release) : new(Ends: false, expiresAt, session.Will);
    }

    private static SessionVerdict AfterTime(in SessionFacts session, long now)
    {
        if (session.ExpiresAt is not { } expiresAt) return new(Ends: false, Will: session.Will);
        if (expiresAt <= now) return new(Ends: true, Publish: session.Will, Lease: LeaseNotice.Release);
        return IsDue(session.Will, now)
            ? new(Ends: false, expiresAt, Publish: session.Will, Lease: LeaseNotice.ForgetWill) : new(Ends: false, expiresAt, session.Will);
    }

    private static bool IsDue(Will? will, long now) => will is not null && (will.DueAt is { } due ? due <= now : will.DelaySeconds == 0);
}
