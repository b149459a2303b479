using Fleet.Grains.Index;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Silo.Hosting;

/// <summary>After a start: rollouts that are under way go on. Nobody else would call them until an operator looks.</summary>
internal sealed class RolloutResumption(ICatalog catalog, IGrainFactory grains, TimeProvider clock, ILogger<RolloutResumption> log)
    : BackgroundService
{
    private const int PageSize = 200;
    private const int Concurrency = 8;

    private static readonly string[] Over = ["completed", "cancelled"];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int open = await StartupPass.Run(
            () => Open(stoppingToken), id => grains.GetGrain<IRolloutGrain>(id).Wake(), Concurrency, clock, log, stoppingToken);
        if (open > 0) HostingLog.ResumedRollouts(log, open);
    }

    private async Task<List<string>> Open(CancellationToken cancellation)
    {
        List<string> open = [];
        string? after = null;
        while (await catalog.List("rollout", after, PageSize, cancellation) is { Length: > 0 } page)
        {
            open.AddRange(page.Where(row => !Over.Contains(row.Status)).Select(row => row.Key));
            after = page[^1].Key;
        }
        return open;
    }
}
