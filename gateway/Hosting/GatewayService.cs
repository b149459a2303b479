using Fleet.Gateway.Admission;
using Fleet.Gateway.Cluster;
using Fleet.Gateway.Durable;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Hosting;

/// <summary>
/// The gateway's life: sessions and retained messages are read and grains can reach it before the first connection; a sweep every second; at the end
/// every client hears 0x8B and every device grain hears of it. Starts after the silo and before the listeners.
/// </summary>
internal sealed class GatewayService(
    GatewayIdentity gateway, GatewayObserver observer, ClusterMember cluster, Peers peers, RetainedMessages retained,
    SessionFailover failover, RestoredCertificates certificates, SessionJournal journal, SessionDirectory directory, SessionHandoff handoff,
    Fences fences, ConnectionRegistry connections, SessionLifecycle lifecycle, PresenceReporter presence, ConnectAdmission admission,
    Flapping flapping, GatewayListeners listeners, GatewayClock clock, IOptions<GatewayOptions> options,
    IHostApplicationLifetime application, ILogger<GatewayService> log) : IHostedService, IDisposable
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(1);

    /// <summary>Two of these rounds is how long a change of a retained message may take from its version to its commit.</summary>
    private static readonly TimeSpan CatchUpEvery = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop waits for devices' grains that do not answer.</summary>
    private static readonly TimeSpan TellPatience = TimeSpan.FromSeconds(5);

    private readonly List<ITimer> _timers = [];
    private int _sweeping, _catchingUp;
    private bool _wasAlone = true;
    private long? _sweptAt;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the other gateways, which hear at once what the sessions want.
        await failover.Begin(options.Value.Name, cancellationToken);
        // The gateways before the retained messages, so that no change that comes after the reading is missed.
        await cluster.Join(observer, cancellationToken);
        await retained.Load(cancellationToken);
        _ = certificates.Run(application.ApplicationStopping);
        Every(GatewayLiveness.BeatEvery, () => _ = cluster.Beat());
        Every(SweepEvery, Sweep);
        Every(CatchUpEvery, () => _ = CatchUp());
        application.ApplicationStarted.Register(() => log.GatewayStarted(
            gateway.Id, listeners.MqttsPort, listeners.PlainPort is { } plain ? $", without TLS on {plain}" : "", retained.Count));
        application.ApplicationStopping.Register(() => connections.EndAll(EndCause.ShuttingDown));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        try
        {
            await retained.Flushed().WaitAsync(cancellationToken);
            await journal.Flushed().WaitAsync(cancellationToken);
            await Told(cancellationToken);
            await cluster.Leave().WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The host's patience is at its end; what is left untold is found by the devices' next sessions.
        }
    }

    /// <summary>Devices whose silo is away are told by the failover of a gateway that has left.</summary>
    private async Task Told(CancellationToken cancellation)
    {
        try
        {
            await presence.Told().WaitAsync(TellPatience, clock.Time, cancellation);
        }
        catch (TimeoutException)
        {
            log.PresenceLeftUntold(TellPatience);
        }
    }

    public void Dispose()
    {
        foreach (var timer in _timers) timer.Dispose();
        _timers.Clear();
    }

    private void Every(TimeSpan period, Action work) => _timers.Add(clock.Time.CreateTimer(_ => work(), null, period, period));

    private void Sweep()
    {
        // A round that takes longer than a second is not joined by the next.
        if (Interlocked.Exchange(ref _sweeping, 1) == 1) return;
        try
        {
            long now = clock.NowMs;
            connections.Tick(now);
            directory.Sweep(now);
            handoff.Sweep(now);
            failover.Sweep();
            fences.Sweep(now);
            lifecycle.Sweep(now);
            flapping.Sweep(now);
            admission.Adapt(_sweptAt is { } before ? TimeSpan.FromMilliseconds(now - before) - SweepEvery : TimeSpan.Zero);
            _sweptAt = now;
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }

    /// <summary>Alone, a gateway has made every change itself; one more round after it has become so again.</summary>
    private async Task CatchUp()
    {
        bool alone = !peers.Any;
        if ((alone && _wasAlone) || Interlocked.Exchange(ref _catchingUp, 1) == 1) return;
        try
        {
            await retained.CatchUp(CancellationToken.None);
            _wasAlone = alone;
        }
        catch (Exception e)
        {
            log.CatchUpFailed(e);
        }
        finally
        {
            Volatile.Write(ref _catchingUp, 0);
        }
    }
}
