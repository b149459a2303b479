using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Links;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Hosting;

/// <summary>What grains and other gateways ask of this one.</summary>
internal sealed class GatewayObserver(
    ClusterMember cluster, SessionFailover failover, PeerInbox inbox, SessionDirectory directory,
    SessionHandoff handoff, JobNotifier jobs, PresenceEvents events, Broker broker, GatewayClock clock, ILogger<GatewayObserver> log)
    : IGatewayObserver
{
    public void ViewChanged(GatewayView view) => cluster.Apply(view);

    public Task NotifyJobs(JobNotification notification)
    {
        jobs.Publish(notification);
        return Task.CompletedTask;
    }

    public Task EndSessionsOf(CertificateId certificate)
    {
        if (directory.EndSessionsOf(certificate) > 0) log.SessionsRevoked(certificate.Value);
        return Task.CompletedTask;
    }

    /// <exception cref="InvalidOperationException">Whether it is here is not known yet, or not all that it is owed has come.</exception>
    public Task<MovedSession?> TakeOver(string key, SessionEpoch epoch, bool discard)
    {
        if (directory.Find(key) is { } session ? session.Intake?.IsOpen == false : failover.IsLoading)
            throw new InvalidOperationException("Sessions of a dead gateway are not all here yet.");
        return Task.FromResult(handoff.TakeOver(key, epoch, discard));
    }

    public Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway) =>
        Task.FromResult(handoff.Collect(key, epoch, toGateway));

    public Task<PeerAnswer> Forward(PeerBatch batch) => inbox.Receive(batch);

    public Task<FailoverProgress> TakeOverFrom(string deadGatewayId) => Task.FromResult(failover.TakeOverFrom(deadGatewayId));

    public Task PublishLostSessions(ImmutableArray<LostSession> sessions)
    {
        foreach (var session in sessions)
        {
            events.Lost(session);
            // A session that is back has its will with it.
            if (session.Will is { } will && directory.Find(session.ClientId) is null)
                _ = broker.Publish(PeerMessages.ToPublication(will, clock.NowMs));
        }
        return Task.CompletedTask;
    }
}
