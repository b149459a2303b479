using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Reminders;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;

namespace Fleet.ConformanceTests;

/// <summary>
/// An Orleans silo and a client of it in this process. Timers and reminders follow the test's clock. Calls and activations time out by the
/// system's, so their time is short.
/// </summary>
public sealed class OrleansHost : TestHost
{
    /// <summary>Orleans' default.</summary>
    private static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(15);

    private static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(3);

    private InProcessTestCluster _cluster = null!;

    public override IGrainFactory Grains => _cluster.Client;

    // Orleans tells by the system's clock which grains are idle: those that nobody called in this time are collected by order.
    public override async Task PassIdly(TimeSpan time)
    {
        Time.Advance(time);
        if (time >= CollectionAge) await Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
    }

    // In steps: Orleans sets its timers some time after a reminder was registered.
    public override async Task PassUntilReminded(TimeSpan time, string line)
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

    public override Task Stop() => _cluster.StopAllSilosAsync();

    public override async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    protected override async Task Begin(HostSettings settings)
    {
        var timeout = settings.ResponseTimeout ?? ResponseTimeout;
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddReminders();
            settings.Services(silo.Services);
            silo.Services.AddLogging(log => log.SetMinimumLevel(LogLevel.None));
            silo.Services.AddSingleton<TimeProvider>(Time).AddSingleton<IGrainStorage>(Storage).AddSingleton(settings.Reminders);
            silo.Services.UseTimeProviderForBackgroundAreas(TimeProvider.System);
            silo.Services.AddKeyedSingleton<TimeProvider>(ReminderTimeProviderNames.Reminders, Time);
            // Far enough that a reminder is set at once, rather than with a later look at the table.
            silo.Configure<ReminderOptions>(o => o.ReminderLoadingWindow = TimeSpan.FromDays(30));
            silo.Configure<SiloMessagingOptions>(o => o.ResponseTimeout = timeout);
            silo.Configure<GrainCollectionOptions>(o => o.ActivationTimeout = settings.ActivationTimeout ?? o.ActivationTimeout);
        });
        builder.ConfigureClient(client => client.Configure<ClientMessagingOptions>(o => o.ResponseTimeout = timeout));
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }
}
