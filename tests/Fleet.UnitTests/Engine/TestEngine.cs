using System.Collections.Concurrent;
using Fleet.Engine;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Storage;

namespace Fleet.UnitTests.Engine;

/// <summary>An engine with the grains of these tests, a manual clock, and storage in memory. The only file here that names the engine.</summary>
internal sealed class TestEngine : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private TestEngine(ServiceProvider services) => _services = services;

    public IGrainFactory Grains => _services.GetRequiredService<IGrainFactory>();

    public FakeTimeProvider Time => (FakeTimeProvider)_services.GetRequiredService<TimeProvider>();

    public Journal Journal => _services.GetRequiredService<Journal>();

    public MemoryGrainStorage Storage => (MemoryGrainStorage)_services.GetRequiredService<IGrainStorage>();

    public T Service<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public static async Task<TestEngine> Start(Action<IServiceCollection>? configure = null, Action<EngineOptions>? options = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(new FakeTimeProvider());
        services.AddSingleton<Journal>();
        services.AddSingleton<IGrainStorage, MemoryGrainStorage>();
        configure?.Invoke(services);
        services.AddFleetEngine(o =>
        {
            o.GrainAssemblies.Add(typeof(TestEngine).Assembly);
            options?.Invoke(o);
        });
        var engine = new TestEngine(services.BuildServiceProvider());
        foreach (var hosted in engine._services.GetServices<IHostedService>()) await hosted.StartAsync(CancellationToken.None);
        return engine;
    }

    public async Task Stop()
    {
        foreach (var hosted in _services.GetServices<IHostedService>().Reverse()) await hosted.StopAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();
}

/// <summary>What grains tell the test, and where they wait for it. Waiting is for an event, with a limit only for tests that fail.</summary>
internal sealed class Journal
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _events = new();
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines];

    public void Write(string line)
    {
        _lines.Enqueue(line);
        Happen(line);
    }

    public void Happen(string what) => Event(what).TrySetResult();

    public Task Until(string what) => Event(what).Task.WaitAsync(Limit, TimeProvider.System);

    private TaskCompletionSource Event(string what) =>
        _events.GetOrAdd(what, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
