using Fleet.Engine;
using Fleet.Grains.Messaging;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Storage;

namespace Fleet.UnitTests.Gateway;

/// <summary>One live owner per client id, on the engine.</summary>
public sealed class SessionGrainTests : IAsyncLifetime
{
    private readonly ManualTime _time = new();
    private readonly Told _gateway = new();
    private ServiceProvider _services = null!;

    private IGrainFactory Grains => _services.GetRequiredService<IGrainFactory>();

    public async Task InitializeAsync()
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_time);
        services.AddSingleton<IGrainStorage, MemoryGrainStorage>();
        services.AddFleetEngine(options => options.GrainAssemblies.Add(typeof(SessionGrain).Assembly));
        _services = services.BuildServiceProvider();
        foreach (var hosted in _services.GetServices<IHostedService>()) await hosted.StartAsync(CancellationToken.None);
        await Grains.GetGrain<IGatewayGrain>("gw-1").Register(Grains.CreateObjectReference<IGatewayObserver>(_gateway));
    }

    public async Task DisposeAsync() => await _services.DisposeAsync();

    [Fact]
    public async Task Epochs_grow_with_each_owner_and_the_older_one_is_told()
    {
        var session = Grains.GetGrain<ISessionGrain>("amr-1");
        var first = await session.Open("gw-1", "s-1");
        Assert.Equal(first, await session.Open("gw-1", "s-1"));
        var second = await session.Open("gw-2", "s-2");
        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal("amr-1 s-1 TakenOver", await _gateway.Ended.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task A_takeover_within_one_gateway_is_that_gateway_s_own_affair()
    {
        var session = Grains.GetGrain<ISessionGrain>("amr-1");
        await session.Open("gw-1", "s-1");
        await session.Open("gw-1", "s-2");
        // Nothing came: a later word to the same observer did, and calls through it arrive one at a time.
        await Grains.GetGrain<IGatewayGrain>("gw-1").EndSession("x", "y", SessionEnd.Administrative);
        Assert.Equal("x y Administrative", await _gateway.Ended.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Only_the_owner_gives_the_client_id_back()
    {
        var session = Grains.GetGrain<ISessionGrain>("amr-1");
        await session.Open("gw-1", "s-1");
        await session.Close("s-0");
        await session.Open("gw-2", "s-2");
        Assert.Equal("amr-1 s-1 TakenOver", await _gateway.Ended.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        _gateway.Ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await session.Open("gw-1", "s-3");
        await session.Close("s-3");
        await session.Open("gw-2", "s-4");
        // Nothing came: a later word to the same observer did, and calls through it arrive one at a time.
        await Grains.GetGrain<IGatewayGrain>("gw-1").EndSession("x", "y", SessionEnd.Administrative);
        Assert.Equal("x y Administrative", await _gateway.Ended.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    private sealed class Told : IGatewayObserver
    {
        public TaskCompletionSource<string> Ended { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void NotifyJobs(JobNotification notification) => throw new NotSupportedException();

        public void EndSession(string clientId, string sessionId, SessionEnd reason) => Ended.TrySetResult($"{clientId} {sessionId} {reason}");

        public void EndSessionsOf(CertificateId certificate) => throw new NotSupportedException();
    }
}
