namespace Fleet.Gateway.Hosting;

/// <summary>This gateway: a new id at each start, and after each time it was taken for dead, so that what names an older one is known to be dead.</summary>
internal sealed class GatewayIdentity
{
    private volatile string _id = NewId();

    public string Id => _id;

    public void Renew() => _id = NewId();

    private static string NewId() => Guid.NewGuid().ToString("n");
}
