using System.Collections.Concurrent;
using Fleet.Interfaces;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.IntegrationTests.Support;

/// <summary>A gateway process as the grains see it. It notes what it is told, and answers as the test says.</summary>
internal sealed class ObservedGateway : IGatewayObserver
{
    private readonly OrleansCluster _cluster;
    private readonly IGatewayObserver _reference;

    public ObservedGateway(OrleansCluster cluster, string id)
    {
        (_cluster, Id) = (cluster, id);
        _reference = cluster.Grains.CreateObjectReference<IGatewayObserver>(this);
        cluster.Keep(this);
    }

    public string Id { get; }

    public IGatewayGrain Grain => _cluster.Grains.GetGrain<IGatewayGrain>(Id);

    /// <summary>Awaited, and perhaps failed, before it does what it is told.</summary>
    public Func<Task> Before { get; set; } = () => Task.CompletedTask;

    public Func<Task> BeforeForward { get; set; } = () => Task.CompletedTask;

    public ConcurrentQueue<JobNotification> Notifications { get; } = new();

    public ConcurrentQueue<CertificateId> Revoked { get; } = new();

    public ConcurrentQueue<LostSession> PublishedLost { get; } = new();

    public async Task<ObservedGateway> Join()
    {
        await Grain.Join(_reference, name: null);
        return this;
    }

    public Task<GatewayView?> Beat() => Grain.Beat(_reference);

    public void ViewChanged(GatewayView view)
    {
    }

    public async Task NotifyJobs(JobNotification notification)
    {
        await Before();
        Notifications.Enqueue(notification);
    }

    public async Task EndSessionsOf(CertificateId certificate)
    {
        await Before();
        Revoked.Enqueue(certificate);
    }

    public Task<MovedSession?> TakeOver(string key, SessionEpoch epoch, bool discard) => Task.FromResult<MovedSession?>(null);

    public Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway) => Task.FromResult<MovedMessages?>(null);

    public async Task<PeerAnswer> Forward(PeerBatch batch)
    {
        await BeforeForward();
        return PeerAnswer.Received;
    }

    public Task PublishLostSessions(ImmutableArray<LostSession> sessions)
    {
        foreach (var session in sessions) PublishedLost.Enqueue(session);
        return Task.CompletedTask;
    }

    public Task<FailoverProgress> TakeOverFrom(string deadGatewayId) => Task.FromResult<FailoverProgress>(new FailoverProgress.Done());
}
