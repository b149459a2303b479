using System.Collections.Concurrent;
using Fleet.Grains.Messaging;
using Fleet.Interfaces;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Time.Testing;
using Orleans;

namespace Fleet.UnitTests.Gateway;

/// <summary>The grains, with a clock that the test moves, and records and an index in memory that outlive the host.</summary>
internal sealed class GrainsUnderTest : IAsyncDisposable
{
    // Observers are held weakly, and one that was collected never answers.
    private readonly ConcurrentBag<TestGateway> _gateways = [];
    private GrainHost _host = null!;

    public FakeTimeProvider Time { get; } = new();
    public MemoryStore Storage { get; } = new();
    public IGrainFactory Factory => _host.Grains;

    public static async Task<GrainsUnderTest> Begin()
    {
        var grains = new GrainsUnderTest();
        await grains.Start();
        return grains;
    }

    private async Task Start() => _host = await GrainHost.Start(
        new() { GrainAssemblies = [typeof(SessionGrain).Assembly], Time = Time, Storage = Storage });

    /// <summary>The silo is killed, and another one begins with what it had stored.</summary>
    public async Task StartAgain()
    {
        await _host.DisposeAsync();
        await Start();
    }

    public IGatewayGrain Gateway(string id) => Factory.GetGrain<IGatewayGrain>(id);

    public ISessionGrain Session(string key) => Factory.GetGrain<ISessionGrain>(key);

    public Task<GatewayView> View() => Factory.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key).GetView();

    public async Task<TestGateway> Join(string id, string? name = null)
    {
        var gateway = new TestGateway(Gateway(id), Factory);
        _gateways.Add(gateway);
        await gateway.Join(name);
        return gateway;
    }

    /// <summary>Moves the clock second by second, so that every look finds things as they are then; the gateways named beat meanwhile.</summary>
    public async Task Pass(TimeSpan time, params TestGateway[] alive)
    {
        for (int second = 1; second <= time.TotalSeconds; second++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            if (second % 3 == 0) foreach (var gateway in alive) await gateway.Beat();
            await View();
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();
}

/// <summary>A gateway process as the grains see it: it notes what it is told, and answers as the test says.</summary>
internal sealed class TestGateway(IGatewayGrain grain, IGrainFactory grains) : IGatewayObserver
{
    private readonly ConcurrentQueue<string> _words = new();
    private volatile TaskCompletionSource _more = NewSignal();
    private IGatewayObserver? _reference;

    public IGatewayGrain Grain => grain;
    public IReadOnlyList<string> Words => [.. _words];

    /// <summary>What it has to hand over.</summary>
    public MovedSession? Session { get; set; }
    public ImmutableArray<LostSession> PublishedLost { get; private set; } = [];

    /// <summary>Awaited before anything is handed over.</summary>
    public Task HandsOver { get; set; } = Task.CompletedTask;

    public Task Join(string? name)
    {
        _reference ??= grains.CreateObjectReference<IGatewayObserver>(this);
        return grain.Join(_reference, name);
    }

    public Task<GatewayView?> Beat() => grain.Beat(_reference!);

    /// <summary>Waits until it was told this often altogether.</summary>
    public Task Heard(int words) => Until(() => _words.Count >= words);

    public Task Said(string word) => Until(() => _words.Contains(word));

    private async Task Until(Func<bool> condition)
    {
        while (true)
        {
            var more = _more;
            if (condition()) return;
            Assert.True(await Task.WhenAny(more.Task, Task.Delay(TimeSpan.FromSeconds(20), TimeProvider.System)) == more.Task, $"It heard only: {string.Join(", ", _words)}");
        }
    }

    public void ViewChanged(GatewayView view)
    {
        // Its own coming is no news to it.
        if (view.Version > 1) Say(string.Join(' ', view.Gateways.Select(gateway => gateway.Id)));
    }

    public Task NotifyJobs(JobNotification notification)
    {
        Say("jobs");
        return Task.CompletedTask;
    }

    public Task EndSessionsOf(CertificateId certificate)
    {
        Say($"revoked {certificate}");
        return Task.CompletedTask;
    }

    public async Task<MovedSession?> TakeOver(string key, SessionEpoch epoch, bool discard)
    {
        Say(discard ? $"{key} discarded" : $"{key} taken over");
        await HandsOver;
        return Session;
    }

    public Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway) => throw new NotSupportedException();

    public Task<PeerAnswer> Forward(PeerBatch batch) => throw new NotSupportedException();

    public Task PublishLostSessions(ImmutableArray<LostSession> sessions)
    {
        PublishedLost = PublishedLost.AddRange(sessions);
        Say($"lost {sessions.Length}");
        return Task.CompletedTask;
    }

    /// <summary>What it answers when it is to be the successor of a dead gateway.</summary>
    public Func<string, FailoverProgress> TakesOver { get; set; } = _ => new FailoverProgress.Done();

    public Task<FailoverProgress> TakeOverFrom(string deadGatewayId)
    {
        Say($"successor of {deadGatewayId}");
        return Task.FromResult(TakesOver(deadGatewayId));
    }

    private void Say(string word)
    {
        _words.Enqueue(word);
        Interlocked.Exchange(ref _more, NewSignal()).SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
