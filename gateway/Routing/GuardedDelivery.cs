using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Routing;

/// <summary>
/// A fault of ours with one subscriber is its own: the others have the message, the journal hears of them, and it goes without. It is
/// counted, and logged once a minute.
/// </summary>
internal sealed class GuardedDelivery(GatewayMetrics metrics, GatewayClock clock, ILogger<GuardedDelivery> log)
{
    private readonly OncePerMinute _faults = new(clock.Time);

    /// <summary>As <see cref="Subscriber.Deliver"/>, which may throw.</summary>
    public StoredDelivery? Deliver(Subscriber subscriber, in Delivery delivery, bool isHere)
    {
        try
        {
            return subscriber.Deliver(delivery, isHere);
        }
        catch (Exception e)
        {
            metrics.Dropped(DropReason.Fault);
            if (_faults.IsDue()) log.NotDelivered(subscriber is Session session ? session.Identity.Key : subscriber.GetType().Name, e);
            return null;
        }
    }
}
