using Fleet.Grains.Records;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// Which gateways live. What is kept outlives the silo that held it: a beat of any gateway, or the watch that every silo keeps, activates
/// the registry again, and a gateway that died in the meantime is found silent.
/// </summary>
// Databases have its record under these two names.
[GrainType("routetable")]
internal sealed class GatewayRegistryGrain(
    [PersistentState("route-table")] IPersistentState<GatewayRegistryState> record, TimeProvider clock, ILogger<GatewayRegistryGrain> log)
    : Grain, IGatewayRegistryGrain
{
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(5);

    private readonly GatewayBeats _beats = new();
    private readonly HashSet<string> _failingOver = new(StringComparer.Ordinal);
    private readonly HashSet<string> _failedOver = new(StringComparer.Ordinal);
    private DateTimeOffset _failedAt;
    private bool _ending;

    private DateTimeOffset Now => clock.GetUtcNow();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _beats.Silent(record.State.Gateways, Now);
        this.RegisterGrainTimer(
            Look, new GrainTimerCreationOptions(GatewayLiveness.LookEvery, GatewayLiveness.LookEvery) { KeepAlive = true });
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _ending = true;
        return Task.CompletedTask;
    }

    public async Task<GatewayView> Join(string gatewayId, string? name)
    {
        _beats.Heard(gatewayId, Now);
        await Become(GatewayRegistryCore.Join(record.State, gatewayId, name));
        return record.State.View;
    }

    public Task<GatewayView?> Beat(string gatewayId)
    {
        if (record.State.View.Find(gatewayId) is null) return Task.FromResult<GatewayView?>(null);
        _beats.Heard(gatewayId, Now);
        return Task.FromResult<GatewayView?>(record.State.View);
    }

    public Task Leave(string gatewayId) => Become(GatewayRegistryCore.Remove(record.State, [gatewayId]));

    public Task<GatewayView> GetView() => Task.FromResult(record.State.View);

    private async Task Look()
    {
        var silent = _beats.Silent(record.State.Gateways, Now);
        foreach (string gateway in silent) log.GatewayDied(gateway, GatewayLiveness.DeadAfter);
        var next = _failedOver.Aggregate(record.State, GatewayRegistryCore.FailedOver);
        _failedOver.Clear();
        await Become(GatewayRegistryCore.Remove(next, silent));
        if (_failedAt == default || (Now - _failedAt).Duration() >= TryAgainAfter) FailOverAll();
        if (record.State.IsEmpty) DeactivateOnIdle();
    }

    private async Task Become(GatewayRegistryState next)
    {
        if (next == record.State) return;
        await this.Save(record, next);
        _beats.Forget(next.Dead);
        foreach (var gateway in next.Gateways) _ = GrainFactory.GetGrain<IGatewayGrain>(gateway.Id).ViewChanged(next.View);
        FailOverAll();
    }

    private void FailOverAll()
    {
        foreach (string gateway in record.State.Dead)
        {
            if (!_failedOver.Contains(gateway) && _failingOver.Add(gateway)) _ = FailOver(gateway);
        }
    }

    /// <summary>
    /// Not awaited by any request: a large gateway's devices take a while. So it leaves the record to those who
    /// have the turn, the next look.
    /// </summary>
    private async Task FailOver(string gateway)
    {
        try
        {
            // Without a gateway that lives it stays among the dead, and is tried again when one comes.
            if (await GrainFactory.GetGrain<IGatewayGrain>(gateway).FailOver()) _failedOver.Add(gateway);
            else _failedAt = Now;
        }
        catch (Exception) when (_ending)
        {
            // The next activation finds it among the dead.
        }
        catch (Exception e)
        {
            // It stays among the dead, and is tried again by a later look.
            log.FailoverFailed(e, gateway);
            _failedAt = Now;
        }
        finally
        {
            _failingOver.Remove(gateway);
        }
    }
}
