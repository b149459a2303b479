using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Reminders;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;

namespace Fleet.ConformanceTests;

/// <summary>
/// An Orleans silo and a client of it in this process. Timers and reminders follow the test's clock; calls and activations time out by the
/// system's.
/// </summary>
public sealed class OrleansHost : TestHost
{
    /// <summary>Orleans' default.</summary>
    private static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(15);

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
        Time.Advance(LateTimers.By);
        await reminded;
    }

    public override Task Stop() => _cluster.StopAllSilosAsync();

    public override async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    protected override async Task Begin(HostSettings settings)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddReminders();
            settings.Services(silo.Services);
            silo.Services.AddLogging(log => log.SetMinimumLevel(LogLevel.None));
            silo.Services.AddSingleton<TimeProvider>(Time).AddSingleton<IGrainStorage>(Storage).AddSingleton(settings.Reminders);
            silo.Services.UseTimeProviderForBackgroundAreas(TimeProvider.System);
            silo.Services.AddKeyedSingleton<TimeProvider>(ReminderTimeProviderNames.Reminders, new LateTimers(Time));
            // Far enough that a reminder is set at once, rather than with a later look at the table.
            silo.Configure<ReminderOptions>(o => o.ReminderLoadingWindow = TimeSpan.FromDays(30));
            silo.Configure<SiloMessagingOptions>(o => o.ResponseTimeout = settings.ResponseTimeout ?? o.ResponseTimeout);
            silo.Configure<GrainCollectionOptions>(o => o.ActivationTimeout = settings.ActivationTimeout ?? o.ActivationTimeout);
        });
        builder.ConfigureClient(client => client.Configure<ClientMessagingOptions>(
            o => o.ResponseTimeout = settings.ResponseTimeout ?? o.ResponseTimeout));
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    /// <summary>
    /// Timers that fire a millisecond after their time. Orleans waits for an instant with delays of whole milliseconds, and by a clock that
    /// stops less than one before the instant it would wait without end, on the thread that moves the clock.
    /// </summary>
    private sealed class LateTimers(TimeProvider time) : TimeProvider
    {
        public static readonly TimeSpan By = TimeSpan.FromMilliseconds(1);

        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override long GetTimestamp() => time.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime + By : dueTime, period);
    }
}
