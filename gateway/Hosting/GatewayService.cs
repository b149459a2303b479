using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Hosting;

/// <summary>
/// The gateway's life: its steps, one after the other, before the first connection; at the end every client hears 0x8B, and the steps stop.
/// Starts after the silo and before the listeners.
/// </summary>
internal sealed class GatewayService(
    IEnumerable<IGatewayStep> steps, GatewayIdentity gateway, GatewayListeners listeners,
    ConnectionRegistry connections, IHostApplicationLifetime application, ILogger<GatewayService> log) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var step in steps) await step.Start(cancellationToken);
        application.ApplicationStarted.Register(() => log.GatewayStarted(
            gateway.Id, listeners.MqttsPort, listeners.PlainPort is { } plain ? $", without TLS on {plain}" : ""));
        application.ApplicationStopping.Register(() => connections.EndAll(EndCause.ShuttingDown));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var step in steps.Reverse()) await step.Stop(cancellationToken).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The host's patience is at its end; what is left untold is found by the devices' next sessions.
        }
    }
}
