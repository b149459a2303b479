using Fleet.UnitTests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Reminders;
using Orleans.Runtime;
using Orleans.TestingHost;
using IGrainStorage = Orleans.Storage.IGrainStorage;

namespace Fleet.ConformanceTests;

/// <summary>
/// One Orleans silo and a client of it in this process, with the grains of these tests, a manual clock for timers, reminders and idleness, and
/// records in memory. Calls time out by the system's clock, which nobody can move: their time is short.
/// </summary>
internal sealed class TestEngine : IAsyncDisposable
{
    /// <summary>When the clock starts.</summary>
    public static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Orleans' default.</summary>
    private static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(15);

    private static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(3);

    private readonly InProcessTestCluster _cluster;

    private TestEngine(InProcessTestCluster cluster, FakeTimeProvider time, Journal journal, MemoryGrainStorage storage) =>
        (_cluster, Time, Journal, Storage) = (cluster, time, journal, storage);

    public IGrainFactory Grains => _cluster.Client;

    public FakeTimeProvider Time { get; }

    public Journal Journal { get; }

    public MemoryGrainStorage Storage { get; }

    public static async Task<TestEngine> Start(Action<IServiceCollection>? configure = null, EngineSettings? settings = null)
    {
        var (time, journal, storage) = (new FakeTimeProvider(Noon), new Journal(), new MemoryGrainStorage());
        var timeout = settings?.ResponseTimeout is { } asked ? asked == Timeout.InfiniteTimeSpan ? TimeSpan.FromHours(1) : asked : ResponseTimeout;
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            var services = silo.Services;
            services.AddSingleton<TimeProvider>(time);
            services.AddSingleton(journal);
            services.AddSingleton<IGrainStorage>(storage);
            services.AddSingleton<IReminderTable, InMemoryReminderTable>();
            configure?.Invoke(services);
            if (services.Last(s => s.ServiceType == typeof(TimeProvider) && !s.IsKeyedService).ImplementationInstance is FakeTimeProvider given) time = given;
            silo.AddReminders();
            // Far enough that a reminder is set at once, rather than with a later look at the table.
            silo.Configure<ReminderOptions>(o => o.ReminderLoadingWindow = TimeSpan.FromDays(30));
            services.UseTimeProviderForBackgroundAreas(TimeProvider.System);
            services.AddKeyedSingleton<TimeProvider>(ReminderTimeProviderNames.Reminders, time);
            services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.ActivationManagement, time);
            silo.Configure<SiloMessagingOptions>(o => (o.ResponseTimeout, o.SystemResponseTimeout) = (timeout, TimeSpan.FromSeconds(30)));
            silo.Configure<GrainCollectionOptions>(o => o.ActivationTimeout = settings?.ActivationTimeout ?? o.ActivationTimeout);
        });
        builder.ConfigureClient(client => client.Configure<ClientMessagingOptions>(o => o.ResponseTimeout = timeout));
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return new(cluster, time, journal, storage);
    }

    /// <summary>Moves the clock. What idles, Orleans tells by the system's clock: grains that nobody called in this time are collected by order.</summary>
    public async Task PassIdly(TimeSpan time)
    {
        Time.Advance(time);
        if (time >= CollectionAge) await Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
    }

    /// <summary>Moves the clock up to where a reminder has done its work. In steps: Orleans sets its timers some time after a reminder was registered.</summary>
    public async Task PassUntilReminded(TimeSpan time, string line)
    {
        const int Steps = 200;
        var reminded = Journal.Until(line);
        for (int i = 0; i < Steps; i++)
        {
            Time.Advance(time / Steps);
            await Task.WhenAny(reminded, Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System));
        }
        await reminded;
    }

    public Task Stop() => _cluster.StopAllSilosAsync();

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();
}
