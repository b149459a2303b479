using Fleet.Engine;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Storage;

namespace Fleet.ConformanceTests;

/// <summary>The embedded engine with the grains of these tests, a manual clock, and records in memory.</summary>
internal sealed class TestEngine : IAsyncDisposable
{
    /// <summary>When the clock starts.</summary>
    public static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly ServiceProvider _services;

    private TestEngine(ServiceProvider services) => _services = services;

    public IGrainFactory Grains => _services.GetRequiredService<IGrainFactory>();

    public FakeTimeProvider Time => (FakeTimeProvider)_services.GetRequiredService<TimeProvider>();

    public Journal Journal => _services.GetRequiredService<Journal>();

    public MemoryGrainStorage Storage => (MemoryGrainStorage)_services.GetRequiredService<IGrainStorage>();

    public static async Task<TestEngine> Start(Action<IServiceCollection>? configure = null, EngineSettings? settings = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(new FakeTimeProvider(Noon));
        services.AddSingleton<Journal>();
        services.AddSingleton<IGrainStorage, MemoryGrainStorage>();
        configure?.Invoke(services);
        services.AddFleetEngine(o =>
        {
            o.GrainAssemblies.Add(typeof(TestEngine).Assembly);
            o.ResponseTimeout = settings?.ResponseTimeout ?? o.ResponseTimeout;
            o.ActivationTimeout = settings?.ActivationTimeout ?? o.ActivationTimeout;
        });
        var engine = new TestEngine(services.BuildServiceProvider());
        foreach (var hosted in engine._services.GetServices<IHostedService>()) await hosted.StartAsync(CancellationToken.None);
        return engine;
    }

    /// <summary>Moves the clock, on which the engine looks for grains that were idle meanwhile.</summary>
    public Task PassIdly(TimeSpan time)
    {
        Time.Advance(time);
        return Task.CompletedTask;
    }

    /// <summary>Moves the clock up to where a reminder has done its work.</summary>
    public Task PassUntilReminded(TimeSpan time, string line)
    {
        Time.Advance(time);
        return Journal.Until(line);
    }

    public async Task Stop()
    {
        foreach (var hosted in _services.GetServices<IHostedService>().Reverse()) await hosted.StopAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();
}
