using Fleet.Gateway.Auth;
using Fleet.Gateway.Retained;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Hosting;

/// <summary>What comes again and again while the gateway runs: it beats, sweeps and catches up.</summary>
internal sealed class GatewayRounds(
    IEnumerable<Sweep> sweeps, ClusterMember member, RetainedCatchUp retained, ConnectAdmission admission, GatewayClock clock)
    : IGatewayStep, IDisposable
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(1);

    private readonly List<ITimer> _timers = [];
    private int _sweeping;
    private long? _sweptAt;

    public Task Start(CancellationToken cancellation)
    {
        Every(GatewayLiveness.BeatEvery, () => _ = member.Beat());
        Every(SweepEvery, Sweep);
        Every(RetainedCatchUp.Every, () => _ = retained.Round());
        return Task.CompletedTask;
    }

    public Task Stop(CancellationToken cancellation)
    {
        Dispose();
        return Task.CompletedTask;
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
            foreach (var sweep in sweeps) sweep(now);
            admission.Adapt(_sweptAt is { } before ? TimeSpan.FromMilliseconds(now - before) - SweepEvery : TimeSpan.Zero);
            _sweptAt = now;
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }
}
