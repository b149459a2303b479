using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Messaging;

/// <summary>
/// The road to one gateway process. In memory: a gateway says once a minute that it lives, and one that has been silent for two and a half is
/// taken for dead, whatever this grain went through in between. What is for a dead gateway is dropped: its sessions are gone.
/// </summary>
internal sealed class GatewayGrain(TimeProvider clock) : Grain, IGatewayGrain
{
    private static readonly TimeSpan SilentFor = TimeSpan.FromSeconds(150);

    private IGatewayObserver? _gateway;
    private DateTimeOffset _heardAt;

    public Task Register(IGatewayObserver observer)
    {
        _gateway = observer;
        _heardAt = clock.GetUtcNow();
        return Task.CompletedTask;
    }

    public Task<bool> IsLive() => Task.FromResult(Live() is not null);

    public Task NotifyJobs(JobNotification notification) => Tell(gateway => gateway.NotifyJobs(notification));

    public Task EndSession(string clientId, string sessionId, SessionEnd reason) => Tell(gateway => gateway.EndSession(clientId, sessionId, reason));

    public Task EndSessionsOf(CertificateId certificate) => Tell(gateway => gateway.EndSessionsOf(certificate));

    private Task Tell(Action<IGatewayObserver> word)
    {
        if (Live() is { } gateway) word(gateway);
        return Task.CompletedTask;
    }

    private IGatewayObserver? Live() => clock.GetUtcNow() - _heardAt < SilentFor ? _gateway : null;
}
