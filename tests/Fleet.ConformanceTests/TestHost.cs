using Fleet.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

/// <summary>What a test asks of the host it runs on. Null: the host's default.</summary>
public sealed record HostSettings
{
    /// <summary>How long an activation may take to come up.</summary>
    public TimeSpan? ActivationTimeout { get; init; }

    public TimeSpan? ResponseTimeout { get; init; }

    public Action<IServiceCollection> Services { get; init; } = _ => { };

    internal FakeTimeProvider Time { get; init; } = new();

    public IReminderTable Reminders { get; init; } = new MemoryReminderTable();
}

/// <summary>A host with the grains of these tests, a clock that the test moves, and records in memory.</summary>
public abstract class TestHost : IAsyncDisposable
{
    public abstract IGrainFactory Grains { get; }

    internal FakeTimeProvider Time { get; private set; } = null!;

    internal Journal Journal { get; } = new();

    public MemoryStore Storage { get; } = new();

    public async Task Start(HostSettings settings)
    {
        Time = settings.Time;
        await Begin(settings with { Services = services => settings.Services(services.AddSingleton(Journal)) });
    }

    /// <summary>Moves the clock, and sees to it that what was idle meanwhile is found.</summary>
    public abstract Task PassIdly(TimeSpan time);

    /// <summary>Moves the clock up to where a reminder has done its work.</summary>
    public abstract Task PassUntilReminded(TimeSpan time, string line);

    public abstract Task Stop();

    public abstract ValueTask DisposeAsync();

    protected abstract Task Begin(HostSettings settings);
}

/// <summary>The deterministic host, on the thread pool.</summary>
public sealed class DeterministicHost : TestHost
{
    private GrainHost _host = null!;

    public override IGrainFactory Grains => _host.Grains;

    public override Task PassIdly(TimeSpan time)
    {
        Time.Advance(time);
        return Task.CompletedTask;
    }

    public override Task PassUntilReminded(TimeSpan time, string line)
    {
        Time.Advance(time);
        return Journal.Until(line);
    }

    public override Task Stop() => _host.Stop();

    public override ValueTask DisposeAsync() => _host.DisposeAsync();

    protected override async Task Begin(HostSettings settings)
    {
        var host = new GrainHostSettings
        {
            GrainAssemblies = [typeof(TestHost).Assembly],
            Time = settings.Time,
            Storage = Storage,
            Reminders = settings.Reminders,
            Services = settings.Services,
        };
        _host = await GrainHost.Start(host with
        {
            ResponseTimeout = settings.ResponseTimeout ?? host.ResponseTimeout,
            ActivationTimeout = settings.ActivationTimeout ?? host.ActivationTimeout,
        });
    }
}
