using Fleet.Gateway.Failover;
using Fleet.Gateway.Links;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Hosting;

/// <summary>This gateway among the others: it has its sessions before it meets them, since they hear at once what those want.</summary>
internal sealed class ClusterLife(
    SessionFailover failover, ClusterMember member, GatewayObserver observer, LinkBarrier links, IOptions<ClusterOptions> options)
    : IGatewayStep
{
    public async Task Start(CancellationToken cancellation)
    {
        await failover.Begin(options.Value.Name, cancellation);
        await member.Join(observer, cancellation);
    }

    /// <summary>Wills and what clients published at the end reach the others first.</summary>
    public async Task Stop(CancellationToken cancellation)
    {
        await links.Flush();
        await member.Leave();
    }
}
