namespace Fleet.Gateway.Hosting;

/// <summary>This gateway process: a new id at each start, so that what names an older one is known to be dead.</summary>
internal sealed class GatewayIdentity
{
    public string Id { get; } = Guid.NewGuid().ToString("n");
}
