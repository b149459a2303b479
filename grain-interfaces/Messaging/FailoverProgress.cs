namespace Fleet.Interfaces.Messaging;

/// <summary>How far a gateway is with taking over what a dead one left.</summary>
[GenerateSerializer, Immutable, Alias("fleet.failover-progress")]
public abstract record FailoverProgress
{
    private FailoverProgress() { }

    /// <summary>It has begun: ask again.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.failover-progress.under-way")]
    public sealed record UnderWay : FailoverProgress;

    /// <summary>It has taken over, and nothing is for the dead gateway any more.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.failover-progress.done")]
    public sealed record Done : FailoverProgress;

    /// <summary>Another gateway has taken over.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.failover-progress.elsewhere")]
    public sealed record Elsewhere([property: Id(0)] string GatewayId) : FailoverProgress;
}
