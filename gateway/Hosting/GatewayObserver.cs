using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Topics;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Hosting;

/// <summary>What grains ask of this gateway.</summary>
internal sealed class GatewayObserver(SessionDirectory directory, JobNotifier jobs, ILogger<GatewayObserver> log) : IGatewayObserver
{
    public void NotifyJobs(JobNotification notification) => jobs.Publish(notification);

    public void EndSession(string clientId, string sessionId, SessionEnd reason) =>
        directory.End(clientId, sessionId, reason == SessionEnd.TakenOver ? EndCause.TakenOver : EndCause.Revoked);

    public void EndSessionsOf(CertificateId certificate)
    {
        if (directory.EndSessionsOf(certificate) > 0) log.SessionsRevoked(certificate.Value);
    }
}
