using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Presence;

/// <summary>
/// Tells device grains who is there. Per thing in the order it happened, so that a session that flaps ends up as it is; what a grain does
/// not take is tried again before the next word about that thing. That a session is over is said until it is taken, however long its silo
/// is away: nobody would say it later. What else there is to say comes again with the next heartbeat.
/// </summary>
internal sealed class PresenceReporter(IGrainFactory grains, GatewayIdentity gateway, GatewayClock clock, ILogger<PresenceReporter> log)
    : IGatewayStep
{
    /// <summary>How long a stop waits for devices' grains that do not answer.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    /// <summary>Within six seconds.</summary>
    private const int Tries = 7;

    private static readonly Backoff Pauses = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    private readonly KeyedSerialQueue _queue = new();

    /// <summary>Returns when the device grain knows. Not tried again: the client does, by connecting again.</summary>
    public Task Connected(SessionIdentity identity)
    {
        var thing = identity.Thing!.Value;
        var session = new DeviceSession(
            identity.ConnectionId, identity.GatewayId ?? gateway.Id, identity.RemoteAddress, clock.UtcNow, identity.Epoch,
            identity.Certificate);
        return _queue.Enqueue(thing.Value, () => Device(thing).Connected(session));
    }

    public void Disconnected(SessionIdentity identity, DisconnectReason reason)
    {
        var at = clock.UtcNow;
        Tell(identity.Thing!.Value, "disconnected", device => device.Disconnected(identity.ConnectionId, reason, at), untilKnown: true);
    }

    public void Stale(SessionIdentity identity, DateTimeOffset lastSeenAt) =>
        Tell(identity.Thing!.Value, "stale", device => device.Stale(identity.ConnectionId, lastSeenAt));

    public void Seen(SessionIdentity identity, DateTimeOffset lastSeenAt) =>
        Tell(identity.Thing!.Value, "seen", device => device.Seen(identity.ConnectionId, lastSeenAt));

    /// <summary>Waits for what was said so far.</summary>
    public Task Told() => _queue.Idle();

    /// <summary>Devices whose silo is away are told by the failover of a gateway that has left.</summary>
    async Task IGatewayStep.Stop(CancellationToken cancellation)
    {
        try
        {
            await Told().WaitAsync(StopPatience, clock.Time, cancellation);
        }
        catch (TimeoutException)
        {
            log.PresenceLeftUntold(StopPatience);
        }
    }

    private void Tell(ThingName thing, string change, Func<IDeviceGrain, Task> call, bool untilKnown = false) =>
        _ = _queue.Enqueue(thing.Value, () => Try(thing, change, call, untilKnown));

    private async Task Try(ThingName thing, string change, Func<IDeviceGrain, Task> call, bool untilKnown)
    {
        for (int failures = 1; ; failures++)
        {
            try
            {
                await call(Device(thing));
                return;
            }
            catch (Exception e)
            {
                if (failures == Tries)
                {
                    log.PresenceNotReported(thing.Value, change, failures, untilKnown ? "trying again" : "giving up", e);
                    if (!untilKnown) return;
                }
            }
            await Task.Delay(Pauses.After(failures), clock.Time);
        }
    }

    private IDeviceGrain Device(ThingName thing) => grains.GetGrain<IDeviceGrain>(thing.Value);
}
