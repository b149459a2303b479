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
internal sealed class GatewayRegistryGrain : Grain, IGatewayRegistryGrain
{
    private readonly IPersistentState<GatewayRegistryState> _record;
    private readonly TimeProvider _clock;
    private readonly ILogger<GatewayRegistryGrain> _log;
    private readonly GatewayBeats _beats = new();

    /// <summary>A large gateway's devices take a while, so a fail-over leaves the record to the next look, which has the turn.</summary>
    private readonly EffectPump<string> _pump;
    private GatewayFailovers _failovers = new();
    private bool _ending;

    public GatewayRegistryGrain(
        [PersistentState("route-table")] IPersistentState<GatewayRegistryState> record, TimeProvider clock,
        ILogger<GatewayRegistryGrain> log)
    {
        (_record, _clock, _log) = (record, clock, log);
        _pump = new(FailOver, FailoverFailed);
    }

    private DateTimeOffset Now => _clock.GetUtcNow();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _beats.Silent(_record.State.Gateways, Now);
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
        await Become(GatewayRegistryCore.Join(_record.State, gatewayId, name));
        return _record.State.View;
    }

    public Task<GatewayView?> Beat(string gatewayId)
    {
        if (_record.State.View.Find(gatewayId) is null) return Task.FromResult<GatewayView?>(null);
        _beats.Heard(gatewayId, Now);
        return Task.FromResult<GatewayView?>(_record.State.View);
    }

    public Task Leave(string gatewayId) => Become(GatewayRegistryCore.Remove(_record.State, [gatewayId]));

    public Task<GatewayView> GetView() => Task.FromResult(_record.State.View);

    private async Task Look()
    {
        var silent = _beats.Silent(_record.State.Gateways, Now);
        foreach (string gateway in silent) _log.GatewayDied(gateway, GatewayLiveness.DeadAfter);
        var next = _failovers.Done.Aggregate(_record.State, GatewayRegistryCore.FailedOver);
        _failovers = _failovers with { Done = [] };
        await Become(GatewayRegistryCore.Remove(next, silent));
        if (_failovers.MayTry(Now)) FailOverAll();
        if (_record.State.IsEmpty) DeactivateOnIdle();
    }

    private async Task Become(GatewayRegistryState next)
    {
        if (next == _record.State) return;
        await this.Save(_record, next);
        _beats.Forget(next.Dead);
        foreach (var gateway in next.Gateways) _ = GrainFactory.GetGrain<IGatewayGrain>(gateway.Id).ViewChanged(next.View);
        FailOverAll();
    }

    private void FailOverAll()
    {
        foreach (string gateway in _failovers.Left(_record.State.Dead)) _pump.Post(gateway);
    }

    private async Task FailOver(string gateway) =>
        // Without a gateway that lives it stays among the dead, and is tried again when one comes.
        _failovers = await GrainFactory.GetGrain<IGatewayGrain>(gateway).FailOver() ? _failovers.Finished(gateway) : _failovers.Failed(Now);

    private void FailoverFailed(string gateway, Exception e)
    {
        // The next activation finds it among the dead.
        if (_ending) return;
        _log.FailoverFailed(e, gateway);
        _failovers = _failovers.Failed(Now);
    }
}
