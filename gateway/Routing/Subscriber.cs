namespace Fleet.Gateway.Routing;

/// <summary>Who stands in the subscription tree: a session of this gateway, or another gateway on behalf of its own.</summary>
internal abstract class Subscriber
{
    /// <summary>Whether a shared subscription should rather choose this one.</summary>
    public abstract bool IsAvailable { get; }
}
