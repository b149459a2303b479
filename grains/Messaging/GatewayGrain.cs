using Fleet.Grains.Index;
using Fleet.Interfaces;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// The road to one gateway process. Where it is reached is in memory, and said again with each beat; whether it lives is the gateway
/// registry's word. What is for a dead gateway is dropped: its sessions are elsewhere.
/// </summary>
internal sealed class GatewayGrain(IFleetIndex index, TimeProvider clock, ILogger<GatewayGrain> log) : Grain, IGatewayGrain
{
    private readonly TaskCompletionSource _died = new();
    private TaskCompletionSource<IGatewayObserver> _gateway = New();
    private DateTimeOffset _heardAt;
    private bool _dead;

    private string Id => this.GetPrimaryKeyString();

    private IGatewayRegistryGrain Registry => GrainFactory.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key);

    public async Task<GatewayView> Join(IGatewayObserver observer, string? name)
    {
        Heard(observer);
        return await Registry.Join(Id, name);
    }

    public async Task<GatewayView?> Beat(IGatewayObserver observer)
    {
        if (_dead) return null;
        var view = await Registry.Beat(Id);
        if (view is null) Die();
        else Heard(observer);
        return view;
    }

    public async Task Leave()
    {
        Die();
        await Registry.Leave(Id);
    }

    public async Task<bool> IsLive()
    {
        if (_dead) return false;
        if (_gateway.Task.IsCompleted && clock.GetUtcNow() - _heardAt < GatewayLiveness.DeadAfter) return true;
        if ((await Registry.GetView()).Find(Id) is not null) return true;
        Die();
        return false;
    }

    public async Task ViewChanged(GatewayView view) => (await Reached())?.ViewChanged(view);

    public async Task NotifyJobs(JobNotification notification)
    {
        if (await Demanded() is { } gateway) await gateway.NotifyJobs(notification);
    }

    public async Task EndSessionsOf(CertificateId certificate)
    {
        if (await Demanded() is { } gateway) await gateway.EndSessionsOf(certificate);
    }

    public async Task<TakeOverResult> TakeOver(string key, SessionEpoch epoch, bool discard)
    {
        if (await Reached() is not { } gateway) return new TakeOverResult.Lost();
        var taking = gateway.TakeOver(key, epoch, discard);
        // That it is dead may be known before it has had its time to answer.
        if (await Task.WhenAny(taking, _died.Task) != taking)
        {
            taking.Ignore();
            return new TakeOverResult.Lost();
        }
        return await taking is { } moved ? new TakeOverResult.Moved(moved) : new TakeOverResult.Nothing();
    }

    public async Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway) =>
        await Demanded() is { } gateway ? await gateway.Collect(key, epoch, toGateway) : null;

    public async Task<PeerAnswer> Forward(PeerBatch batch) =>
        await Reached() is { } gateway ? await gateway.Forward(batch) : PeerAnswer.UnknownSender;

    public async Task PublishLostSessions(ImmutableArray<LostSession> sessions)
    {
        if (await Reached() is not { } gateway) throw new InvalidOperationException($"Gateway {Id} is dead itself.");
        await gateway.PublishLostSessions(sessions);
    }

    public async Task<FailoverProgress> TakeOverFrom(string deadGatewayId) =>
        await Reached() is { } gateway ? await gateway.TakeOverFrom(deadGatewayId)
            : throw new InvalidOperationException($"Gateway {Id} is dead itself.");

    public async Task<bool> FailOver()
    {
        Die();
        if (await new GatewayFailover(Id, index, GrainFactory, clock, log).Run() is not { } devices) return false;
        log.FailedOver(Id, devices);
        DeactivateOnIdle();
        return true;
    }

    private void Heard(IGatewayObserver observer)
    {
        _heardAt = clock.GetUtcNow();
        if (!_gateway.TrySetResult(observer) && !_gateway.Task.Result.Equals(observer))
        {
            _gateway = New();
            _gateway.SetResult(observer);
        }
    }

    private void Die()
    {
        _dead = true;
        _gateway = New();
        _died.TrySetResult();
    }

    /// <summary>
    /// Where the gateway is reached; null if it is dead. One that lives, and that this activation has not heard yet, beats within seconds.
    /// </summary>
    private async Task<IGatewayObserver?> Reached()
    {
        if (_dead) return null;
        if (_gateway.Task.IsCompleted) return await _gateway.Task;
        if (!await IsLive()) return null;
        try
        {
            return await Known(_gateway.Task).WaitAsync(GatewayLiveness.BeatEvery + TimeSpan.FromSeconds(1), clock);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    /// <summary>Where the gateway is reached; null if it is dead. For what a gateway that lives must not miss.</summary>
    /// <exception cref="TimeoutException">
    /// It lives and has not been heard here, since the silo that heard it died: to be asked again.
    /// </exception>
    private async Task<IGatewayObserver?> Demanded() =>
        await Reached() ?? (_dead ? null : throw new TimeoutException($"Gateway {Id} has not been heard yet."));

    /// <summary>Awaited in a turn: the answer does not go by way of the thread pool.</summary>
    private static async Task<IGatewayObserver> Known(Task<IGatewayObserver> gateway) => await gateway;

    private static TaskCompletionSource<IGatewayObserver> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
