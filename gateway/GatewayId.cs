namespace Fleet.Gateway;

/// <summary>This gateway's id: new at each start of the process, so that a session that names an older one is known to be dead.</summary>
internal sealed record GatewayId(string Value)
{
    public static GatewayId New() => new($"gw-{Guid.NewGuid():n}");
}
