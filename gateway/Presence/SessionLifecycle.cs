using System.Collections.Concurrent;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Presence;

/// <summary>What the world hears of a session: the device grain, presence events, heartbeats, the log.</summary>
internal sealed class SessionLifecycle(
    PresenceReporter devices, PresenceEvents events, SessionDirectory directory, ISessionLeaseReleaser leases, ClaimSessions claims,
    Flapping flapping, GatewayClock clock, ILogger<SessionLifecycle> log)
{
    private readonly ConcurrentDictionary<string, SessionIdentity> _beating = new(StringComparer.Ordinal);

    /// <summary>Before CONNACK: the device grain knows of the session before the device can say a word in it.</summary>
    public Task Announce(SessionIdentity identity) => identity.Thing is null ? Task.CompletedTask : devices.Connected(identity);

    /// <summary>CONNACK was written.</summary>
    public void Began(SessionIdentity identity)
    {
        if (identity.Heartbeat is not null) _beating[identity.ConnectionId] = identity;
        log.Connected(identity.Kind, identity.ClientId, identity.RemoteAddress);
        events.Connected(identity);
    }

    /// <summary>A CONNECT was not authorised.</summary>
    /// <param name="thing">See <see cref="PresenceEvents.ConnectFailed"/>.</param>
    public void Refused(ThingName? thing, string clientId, string connectionId, ConnectionSource source) =>
        events.ConnectFailed(thing, clientId, connectionId, source);

    /// <summary>The connection is over, its requests answered.</summary>
    /// <param name="wasAttached">False if it ended before it had a session: nobody else gives the lease back then.</param>
    public void Ended(SessionIdentity identity, EndCause cause, bool wasAttached)
    {
        _beating.TryRemove(identity.ConnectionId, out _);
        if (identity is { Kind: SessionKind.Claim, Certificate: { } claim }) claims.Leave(claim, identity.ClientId);
        // A session that waits here for its client, perhaps brought here for this very connection, still needs its lease.
        if (!wasAttached && directory.Find(identity.Key) is null) leases.Release(identity);
        if (identity.Thing is not null) devices.Disconnected(identity, cause.Reason);
        if (!wasAttached) return;
        log.Disconnected(identity.Kind, identity.ClientId, cause.Reason, cause.Detail);
        events.Disconnected(identity, cause);
        // Who says goodbye each time is none that flaps: a script that publishes once a second, say.
        if (cause.Reason != DisconnectReason.ClientInitiatedDisconnect
            && flapping.Ended(identity.Key, clock.NowMs - identity.ConnectedAt, clock.NowMs) is > 0 and var ms)
            log.ClientHeldOff(identity.Key, ms / 1000, cause.Reason, cause.Detail);
    }

    /// <summary>Looks at every heartbeat.</summary>
    public void Sweep(long now)
    {
        foreach (var (_, identity) in _beating)
        {
            var heartbeat = identity.Heartbeat!;
            switch (heartbeat.Look(now))
            {
                case HeartbeatChange.WentStale:
                    devices.Stale(identity, clock.ToUtc(heartbeat.LastBeatAt));
                    break;
                case HeartbeatChange.CameBack or HeartbeatChange.Seen:
                    devices.Seen(identity, clock.ToUtc(heartbeat.LastBeatAt));
                    break;
            }
        }
    }
}
