using Fleet.Gateway.Presence;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Hosting;

/// <summary>
/// The gateway's life: retained messages are read and grains can reach it before the first connection; a sweep every second; at the end
/// every client hears 0x8B and every device grain hears of it. Starts after the engine and before the listeners.
/// </summary>
internal sealed class GatewayService(
    IGrainFactory grains, GatewayIdentity gateway, GatewayObserver observer, RetainedMessages retained, SessionDirectory directory,
    ConnectionRegistry connections, SessionLife life, DevicePresence presence, GatewayListeners listeners, GatewayClock clock,
    IHostApplicationLifetime application, ILogger<GatewayService> log) : IHostedService, IDisposable
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(1);

    /// <summary>The gateway grain forgets a gateway that has not said for a while that it lives.</summary>
    private static readonly TimeSpan RegisterEvery = TimeSpan.FromSeconds(60);

    private IGatewayObserver? _reference;
    private ITimer? _sweep, _registration;
    private int _sweeping;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await retained.Load(cancellationToken);
        _reference = grains.CreateObjectReference<IGatewayObserver>(observer);
        await grains.GetGrain<IGatewayGrain>(gateway.Id).Register(_reference);
        _registration = clock.Time.CreateTimer(_ => _ = Register(), null, RegisterEvery, RegisterEvery);
        _sweep = clock.Time.CreateTimer(_ => Sweep(), null, SweepEvery, SweepEvery);
        application.ApplicationStarted.Register(() => log.GatewayStarted(
            gateway.Id, listeners.MqttsPort, listeners.PlainPort is { } plain ? $", without TLS on {plain}" : "", retained.Count));
        application.ApplicationStopping.Register(() => connections.EndAll(EndCause.ShuttingDown));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _sweep?.Dispose();
        _registration?.Dispose();
        try
        {
            await presence.Told().WaitAsync(cancellationToken);
            await retained.Flushed().WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The host's patience is at its end; what is left untold is found by the devices' next sessions.
        }
    }

    public void Dispose()
    {
        _sweep?.Dispose();
        _registration?.Dispose();
    }

    private void Sweep()
    {
        // A round that takes longer than a second is not joined by the next.
        if (Interlocked.Exchange(ref _sweeping, 1) == 1) return;
        try
        {
            long now = clock.NowMs;
            connections.Tick(now);
            directory.Sweep(now);
            life.Sweep(now);
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }

    private async Task Register()
    {
        try
        {
            await grains.GetGrain<IGatewayGrain>(gateway.Id).Register(_reference!);
        }
        catch (Exception e)
        {
            log.RegistrationFailed(e);
        }
    }
}
