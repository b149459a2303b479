using System.Threading.Channels;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Directory;

/// <summary>
/// Asks for the certificates of sessions that came from the store: one that was revoked while nobody had its sessions ends them now, with
/// what they were owed. Nobody gets that before: a CONNECT asks as well. One at a time, because a whole fleet may be away.
/// </summary>
internal sealed class RestoredCertificates(
    IGrainFactory grains, SessionDirectory directory, GatewayClock clock, ILogger<RestoredCertificates> log) : IGatewayStep, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<CertificateId> _due = Channel.CreateUnbounded<CertificateId>(new() { SingleReader = true });

    public void Add(CertificateId certificate) => _due.Writer.TryWrite(certificate);

    Task IGatewayStep.Start(CancellationToken cancellation)
    {
        _ = Run(_stopping.Token);
        return Task.CompletedTask;
    }

    Task IGatewayStep.Stop(CancellationToken cancellation)
    {
        _stopping.Cancel();
        return Task.CompletedTask;
    }

    public void Dispose() => _stopping.Dispose();

    /// <summary>Until it is cancelled.</summary>
    public async Task Run(CancellationToken stopping)
    {
        try
        {
            while (await _due.Reader.WaitToReadAsync(stopping))
            {
                while (_due.Reader.TryRead(out var certificate)) await Check(certificate, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private async Task Check(CertificateId certificate, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                var view = await grains.GetGrain<ICertificateGrain>(certificate.Value).Get();
                if (view?.Status == CertificateStatus.Active) return;
                if (directory.EndSessionsOf(certificate) > 0) log.SessionsRevoked(certificate.Value);
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // While it is not known, the session stays: a silo that starts must not end the fleet's sessions.
                log.CertificateNotChecked(certificate.Value, e);
            }
            await Task.Delay(Pause, clock.Time, stopping);
        }
    }
}
