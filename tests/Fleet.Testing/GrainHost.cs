using Fleet.Grains.Index;
using Fleet.Testing.Grains;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Runtime;
using Orleans.Timers;

namespace Fleet.Testing;

/// <summary>
/// Runs compiled Orleans grain classes in this process without a silo, on Orleans' generated references: on the thread pool with a clock
/// that a test moves, or in one thread and virtual time by a seed. It keeps what Orleans promises (the conformance tests run on both),
/// tells the same story each time where Orleans need not, and breaks what Orleans does not promise on request (<see cref="ICallFaults"/>).
/// </summary>
public sealed class GrainHost : IAsyncDisposable
{
    /// <summary>How often idle activations are looked for, as in Orleans.</summary>
    private static readonly TimeSpan CollectionQuantum = TimeSpan.FromMinutes(1);

    private readonly ServiceProvider _services;
    private readonly HostRuntime _runtime;
    private readonly ITimer _collection;

    public GrainHost(GrainHostSettings settings)
    {
        var services = new ServiceCollection();
        services.AddLogging().AddMetrics();
        services.AddSingleton(settings).AddSingleton(settings.Time).AddSingleton(settings.Storage).AddSingleton(settings.Reminders);
        if (settings.Storage is IFleetIndex index) services.AddSingleton(index);
        services.AddSingleton<HostRuntime>();
        services.AddSingleton<IGrainRuntime>(provider => provider.GetRequiredService<HostRuntime>());
        services.AddSingleton<ITimerRegistry>(provider => provider.GetRequiredService<HostRuntime>());
        services.AddSingleton<IGrainFactory>(provider => provider.GetRequiredService<HostRuntime>().Grains);
        services.AddSingleton<Reminders>();
        services.AddSingleton<IReminderRegistry>(provider => provider.GetRequiredService<Reminders>());
        settings.Services(services);
        _services = services.BuildServiceProvider();
        _runtime = _services.GetRequiredService<HostRuntime>();
        _collection = settings.Time.CreateIdleTimer(static self => ((GrainHost)self!).CollectIdle(), this);
    }

    public IGrainFactory Grains => _runtime.Grains;

    /// <summary>All that there are in memory.</summary>
    public IEnumerable<string> Activations => _runtime.Classes.Activations.Select(activation => $"{activation}");

    /// <summary>Activations that are coming up or going down.</summary>
    public IEnumerable<string> Unsettled =>
        _runtime.Classes.Activations.Where(activation => !activation.IsActive).Select(activation => $"{activation}");

    public static async Task<GrainHost> Start(GrainHostSettings settings)
    {
        var host = new GrainHost(settings);
        await host.Start();
        return host;
    }

    public T Service<T>() where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Reads the reminders and starts the hosted services.</summary>
    public async Task Start()
    {
        await Service<Reminders>().Start();
        if (_runtime.Settings.CollectionAge != Timeout.InfiniteTimeSpan) _collection.Change(CollectionQuantum, CollectionQuantum);
        foreach (var hosted in _services.GetServices<IHostedService>()) await hosted.StartAsync(CancellationToken.None);
    }

    /// <summary>
    /// Deactivates all grains while calls among them still work; calls that come later fail with <see cref="SiloUnavailableException"/>.
    /// </summary>
    public async Task Stop()
    {
        foreach (var hosted in _services.GetServices<IHostedService>().Reverse()) await hosted.StopAsync(CancellationToken.None);
        Service<Reminders>().Dispose();
        _collection.Dispose();
        while (_runtime.Classes.Activations.ToArray() is { Length: > 0 } activations)
        {
            var reason = new DeactivationReason(DeactivationReasonCode.ShuttingDown, "The host is stopping.");
            foreach (var activation in activations) activation.Deactivate(reason);
            await Task.WhenAll(activations.Select(activation => activation.Deactivated));
        }
        _runtime.IsStopped = true;
    }

    /// <summary>Ends it where it is: no turn of it runs any more. What the storage has is left.</summary>
    public void Kill()
    {
        _runtime.IsStopped = true;
        _runtime.Turns.Kill();
        _collection.Dispose();
    }

    /// <summary>Kills it if it has not stopped.</summary>
    public ValueTask DisposeAsync()
    {
        Kill();
        return _services.DisposeAsync();
    }

    private void CollectIdle()
    {
        foreach (var activation in _runtime.Classes.Activations) activation.EndIfIdle();
    }
}
