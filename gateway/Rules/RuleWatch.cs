using Fleet.Interfaces.Rules;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Rules;

/// <summary>Knows the rules before the first connection, and hears of each change from then on.</summary>
internal sealed class RuleWatch(IGrainFactory grains, GatewayRules rules, GatewayClock clock, ILogger<RuleWatch> log)
    : IHostedService, IRuleObserver, IDisposable
{
    private IRuleObserver? _reference;
    private ITimer? _timer;
    private int _asking;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _reference = grains.CreateObjectReference<IRuleObserver>(this);
        await WaitForSilos.UntilAnswered(Ask, clock.Time, log, cancellationToken);
        rules.WakeAll();
        _timer = clock.Time.CreateTimer(_ => _ = AskAgain(), null, RuleWatching.Every, RuleWatching.Every);
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();

    Task IRuleObserver.RulesChanged(RuleTable table)
    {
        rules.Apply(table);
        return Task.CompletedTask;
    }

    private async Task Ask()
    {
        if (await grains.GetGrain<IRuleRegistryGrain>(IRuleRegistryGrain.Key).Watch(_reference!, rules.Version) is { } table)
            rules.Apply(table);
    }

    private async Task AskAgain()
    {
        // One that takes longer is not joined by the next.
        if (Interlocked.Exchange(ref _asking, 1) == 1) return;
        try
        {
            await Ask();
        }
        catch (Exception e)
        {
            log.RulesNotRead(e);
        }
        finally
        {
            Volatile.Write(ref _asking, 0);
        }
    }
}
