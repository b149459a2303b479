using Fleet.Grains.Records;
using Fleet.Interfaces.Rules;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Grains.Rules;

/// <summary>Which gateways watch is in memory: they say so again every few seconds.</summary>
internal sealed class RuleRegistryGrain(
    [PersistentState("rules")] IPersistentState<RuleRegistryState> record, IOptions<RuleOptions> options, TimeProvider clock,
    ILogger<RuleRegistryGrain> log) : Grain, IRuleRegistryGrain
{
    private readonly Dictionary<IRuleObserver, DateTimeOffset> _gateways = [];

    /// <summary>What was written last: nobody hears of what may get lost.</summary>
    private RuleTable? _saved;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _saved = record.State.Table;
        return Task.CompletedTask;
    }

    public Task<bool> HasRoom(RuleName name) =>
        Task.FromResult(record.State.Rules.ContainsKey(name.Value) || record.State.Rules.Count < options.Value.MaxRules);

    public Task Set(RuleRoute rule) => Become(RuleRegistryCore.Set(record.State, rule));

    public Task Remove(RuleName name, long version) => Become(RuleRegistryCore.Remove(record.State, name, version));

    public Task<RuleTable?> Watch(IRuleObserver gateway, long knownVersion)
    {
        _gateways[gateway] = clock.GetUtcNow();
        return Task.FromResult(_saved!.Version == knownVersion ? null : _saved);
    }

    private async Task Become(RuleRegistryState next)
    {
        if (next == record.State) return;
        await this.Save(record, next);
        _saved = next.Table;
        var gone = clock.GetUtcNow() - (RuleWatching.Every * 3);
        foreach (var (gateway, heardAt) in _gateways)
        {
            if (heardAt < gone) _gateways.Remove(gateway);
        }
        await Task.WhenAll(_gateways.Keys.Select(Tell));
    }

    private async Task Tell(IRuleObserver gateway)
    {
        try
        {
            await gateway.RulesChanged(_saved!);
        }
        catch (Exception e)
        {
            // It asks again in a moment, or is dead.
            log.GatewayNotTold(e, _saved!.Version);
        }
    }
}
