using Fleet.Gateway.Failover;
using Fleet.Gateway.Links;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Hosting;

/// <summary>This gateway among the others: it has its sessions before it meets them, since they hear at once what those want.</summary>
internal sealed class ClusterLife(
    SessionFailover failover, ClusterMember member, GatewayObserver observer, IOptions<ClusterOptions> options) : IGatewayStep
{
    public async Task Start(CancellationToken cancellation)
    {
        await failover.Begin(options.Value.Name, cancellation);
        await member.Join(observer, cancellation);
    }

    public Task Stop(CancellationToken cancellation) => member.Leave();
}
