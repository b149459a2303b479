using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Routing;

/// <summary>
/// Stores messages for something outside of MQTT: a rule. It stands in the subscription tree of every gateway, so the one that the
/// publisher is on hands it the message, and the others do not.
/// </summary>
internal abstract class DurableSink : Subscriber
{
    public override bool IsAvailable => true;

    public abstract override bool HasRoom { get; }

    public abstract override Task Keep(Publication message, Session? publisher);
}
