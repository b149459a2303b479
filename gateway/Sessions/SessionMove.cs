namespace Fleet.Gateway.Sessions;

/// <summary>What a session has while it passes between gateways, and for a while after: none of its messages may be missed, or come twice.</summary>
internal sealed class SessionMove
{
    /// <summary>At its new gateway: numbers of the messages that it has, of which another copy may come by the old one.</summary>
    public HashSet<long>? Known { get; init; }

    /// <summary>At its old gateway, once its messages were collected: sends on what still comes. Called without locks.</summary>
    public Action<Delivery>? SendOn { get; init; }
}
