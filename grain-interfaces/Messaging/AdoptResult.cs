namespace Fleet.Interfaces.Messaging;

/// <summary>How far a gateway is with what a dead one left.</summary>
[GenerateSerializer, Immutable, Alias("fleet.adopt-result")]
public abstract record AdoptResult
{
    private AdoptResult() { }

    /// <summary>It has begun: ask again.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.adopt-result.under-way")]
    public sealed record UnderWay : AdoptResult;

    /// <summary>It has it, and nothing is for the dead gateway any more.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.adopt-result.done")]
    public sealed record Done : AdoptResult;

    /// <summary>Another gateway has it.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.adopt-result.elsewhere")]
    public sealed record Elsewhere([property: Id(0)] string GatewayId) : AdoptResult;
}
