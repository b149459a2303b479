using Fleet.Grains.Records;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// Which gateways live. What is kept outlives the silo that held it: a beat of any gateway, or the watch that every silo keeps, activates
/// the table again, and a gateway that died in the meantime is found silent.
/// </summary>
internal sealed class RouteTableGrain(
    [PersistentState("route-table")] IPersistentState<RouteTableState> record, TimeProvider clock, ILogger<RouteTableGrain> log)
    : Grain, IRouteTableGrain
{
    private static readonly TimeSpan BuryAgainAfter = TimeSpan.FromSeconds(5);

    private readonly GatewayBeats _beats = new();
    private readonly HashSet<string> _burying = new(StringComparer.Ordinal);
    private readonly HashSet<string> _buried = new(StringComparer.Ordinal);
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
        await Become(RouteTableCore.Join(record.State, gatewayId, name));
        return record.State.View;
    }

    public Task<GatewayView?> Beat(string gatewayId)
    {
        if (record.State.View.Find(gatewayId) is null) return Task.FromResult<GatewayView?>(null);
        _beats.Heard(gatewayId, Now);
        return Task.FromResult<GatewayView?>(record.State.View);
    }

    public Task Leave(string gatewayId) => Become(RouteTableCore.Remove(record.State, [gatewayId]));

    public Task<GatewayView> GetView() => Task.FromResult(record.State.View);

    private async Task Look()
    {
        var silent = _beats.Silent(record.State.Gateways, Now);
        foreach (string gateway in silent) log.GatewayDied(gateway, GatewayLiveness.DeadAfter);
        var next = _buried.Aggregate(record.State, RouteTableCore.Buried);
        _buried.Clear();
        await Become(RouteTableCore.Remove(next, silent));
        if (_failedAt == default || Now - _failedAt >= BuryAgainAfter) BuryAll();
        if (record.State.IsEmpty) DeactivateOnIdle();
    }

    private async Task Become(RouteTableState next)
    {
        if (next == record.State) return;
        await this.Save(record, next);
        _beats.Forget(next.Dead);
        foreach (var gateway in next.Gateways) _ = GrainFactory.GetGrain<IGatewayGrain>(gateway.Id).ViewChanged(next.View);
        BuryAll();
    }

    private void BuryAll()
    {
        foreach (string gateway in record.State.Dead)
        {
            if (!_buried.Contains(gateway) && _burying.Add(gateway)) _ = Bury(gateway);
        }
    }

    /// <summary>
    /// Not awaited by any request: a large gateway's devices take a while. So it leaves the record to those who
    /// have the turn, the next look.
    /// </summary>
    private async Task Bury(string gateway)
    {
        try
        {
            // Without a gateway that lives it stays among the dead, and is tried again when one comes.
            if (await GrainFactory.GetGrain<IGatewayGrain>(gateway).Bury()) _buried.Add(gateway);
            else _failedAt = Now;
        }
        catch (Exception) when (_ending)
        {
            // The next activation finds it among the dead.
        }
        catch (Exception e)
        {
            // It stays among the dead, and is tried again by a later look.
            log.BurialFailed(e, gateway);
            _failedAt = Now;
        }
        finally
        {
            _burying.Remove(gateway);
        }
    }
}
