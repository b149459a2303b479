using System.Diagnostics;
using System.Text;
using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;
using Fleet.UnitTests.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans;

namespace Fleet.UnitTests.Rules;

/// <summary>The real grains over a real database, with a clock that the test moves. Kill leaves what was stored and nothing else.</summary>
internal sealed class RulesUnderTest : IAsyncDisposable
{
    private readonly SqliteTestDatabase _database;
    private readonly FakeTimeProvider _time;
    private GrainHost _host = null!;
    private KillSwitch _network = null!;
    private int _sent;

    private RulesUnderTest(SqliteTestDatabase database, FakeTimeProvider time) => (_database, _time) = (database, time);

    public FakeTimeProvider Time => _time;
    public IRuleStore Store => _database.Rules;
    public IRuleGrain Rule => Grains.GetGrain<IRuleGrain>(Given.Rule.Value);
    public IRuleRegistryGrain Registry => Grains.GetGrain<IRuleRegistryGrain>(IRuleRegistryGrain.Key);
    public IGrainFactory Grains => _host.Grains;

    public static async Task<RulesUnderTest> Start()
    {
        var rules = new RulesUnderTest(new SqliteTestDatabase(), new FakeTimeProvider());
        await rules.Begin();
        return rules;
    }

    public async Task Kill()
    {
        _network.IsDead = true;
        _host.Kill();
        await _host.DisposeAsync();
        await Begin();
    }

    public async Task<RuleView> Make(RuleDefinition definition) => Assert.IsType<RuleResult.Stored>(await Rule.Put(definition, null)).Rule;

    /// <summary>As a gateway does: into the queue, then the word.</summary>
    public async Task<string> Publish(string payload, bool wake = true)
    {
        string id = $"{Interlocked.Increment(ref _sent):x32}";
        Assert.NotNull(await _database.RuleQueue.Append(
            new(Given.Rule.Value, id, "factory/1", "amr-7", null, Encoding.UTF8.GetBytes(payload), Time.GetUtcNow()), default));
        if (wake) await Rule.Wake();
        return id;
    }

    /// <summary>Lets time pass until it is so, but for the time that a request takes: that is the real network's.</summary>
    public Task<RuleStatus> InTime(Func<RuleStatus, bool> isSo) => Until(isSo, status =>
    {
        if (status.InFlight == 0) Time.Advance(TimeSpan.FromMilliseconds(100));
    });

    /// <summary>Asks until it is so; what it waits for happens on other threads.</summary>
    public async Task<RuleStatus> Until(Func<RuleStatus, bool> isSo, Action<RuleStatus>? between = null)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var status = (await Rule.GetStatus())!;
            if (isSo(status)) return status;
            Assert.False(patience.IsCancellationRequested, $"It stands at {status}");
            between?.Invoke(status);
            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _database.DisposeAsync();
    }

    private async Task Begin() => _host = await GrainHost.Start(new()
    {
        GrainAssemblies = [typeof(RuleOptions).Assembly],
        Time = _time,
        Storage = _database.Grains,
        Reminders = _database.Reminders,
        Services = services =>
        {
            services.AddSingleton(_database.Rules);
            services.AddSingleton<IConfiguration>(new ConfigurationManager());
            services.AddFleetRules();
            services.AddSingleton(s => new RuleSender(
                new HttpMessageInvoker(_network = new KillSwitch(RuleServices.NewHandler(new RuleOptions()))), _time, s.GetRequiredService<RuleMetrics>()));
        },
    });

    /// <summary>A process that was killed sends nothing and hears nothing.</summary>
    private sealed class KillSwitch(HttpMessageHandler handler) : DelegatingHandler(handler)
    {
        public bool IsDead { get; set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (!IsDead)
            {
                var response = await base.SendAsync(request, cancellationToken);
                if (!IsDead) return response;
            }
            await new TaskCompletionSource().Task;
            throw new UnreachableException();
        }
    }
}
