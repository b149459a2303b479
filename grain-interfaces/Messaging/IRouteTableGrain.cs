namespace Fleet.Interfaces.Messaging;

/// <summary>
/// Who takes part in routing: the gateways that live. What topics each of them wants, they tell each other (docs/adr), so that neither a
/// message nor, while a gateway is alone, a subscription asks a grain. The key is <see cref="Key"/>.
/// </summary>
[Alias("fleet.route-table-grain")]
public interface IRouteTableGrain : IGrainWithStringKey
{
    public const string Key = "gateways";

    /// <summary>A gateway process begins. A repeat changes nothing.</summary>
    /// <param name="name">See <see cref="GatewayMember.Name"/>.</param>
    Task<GatewayView> Join(string gatewayId, string? name);

    /// <summary>It lives. Null: it was taken for dead, or replaced, and must end its sessions and begin anew.</summary>
    Task<GatewayView?> Beat(string gatewayId);

    /// <summary>It ends in good order.</summary>
    Task Leave(string gatewayId);

    Task<GatewayView> GetView();
}
