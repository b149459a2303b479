namespace Fleet.Interfaces.Messaging;

/// <summary>The gateways that live, at one moment.</summary>
/// <param name="Version">Grows with each change.</param>
/// <param name="Dead">Ids of those that ended, and whose sessions may not be at another yet.</param>
[GenerateSerializer, Immutable, Alias("fleet.gateway-view")]
public sealed record GatewayView(
    [property: Id(0)] long Version, [property: Id(1)] ImmutableArray<GatewayMember> Gateways, [property: Id(2)] ImmutableArray<string> Dead)
{
    public GatewayMember? Find(string gatewayId) => Gateways.FirstOrDefault(gateway => gateway.Id == gatewayId);
}

/// <param name="Id">Key of its <see cref="IGatewayGrain"/>; never used again once it has left.</param>
/// <param name="Number">
/// Unlike that of any other gateway there ever was: what it numbers on its own is unique in the cluster behind it.
/// </param>
/// <param name="Name">
/// Where it runs. A newer gateway of the same name takes the place of the older, whose process must be gone; null: it replaces nobody.
/// </param>
[GenerateSerializer, Immutable, Alias("fleet.gateway-member")]
public sealed record GatewayMember([property: Id(0)] string Id, [property: Id(1)] int Number, [property: Id(2)] string? Name);

/// <summary>
/// How a dead gateway is told from a slow one. A gateway misses three beats before it is taken for dead, and is within 15 s.
/// </summary>
public static class GatewayLiveness
{
    public static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(3);
    public static readonly TimeSpan DeadAfter = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
}
