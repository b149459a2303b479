using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Blocks;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Downloads;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;
using Fleet.SimulationTests.Kernel;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace Fleet.SimulationTests.Gateways;

/// <summary>One life of a gateway's process: the gateway as it is compiled, without listeners, until it is killed or has stopped.</summary>
internal sealed class GatewayProcess
{
    private readonly GatewayWorld _world;
    private readonly ServiceProvider _services;
    private readonly Random _ids;

    public GatewayProcess(GatewayWorld world, string name, int number)
    {
        (_world, Name, Label) = (world, name, $"gateway-{number}");
        _ids = SeedStreams.Of(world.Seed, $"ids/{number}");
        Process = new(world.Turns);
        Time = new(world.Clock, Process);
        var services = new ServiceCollection();
        services.AddLogging(log => log.AddProvider(new HistoryLog(world, Label)));
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddSingleton<TimeProvider>(Time).AddSingleton<IGrainFactory>(new GatewayRoads(world, this));
        services.AddSingleton<ISessionStore>(new FaultySessionStore(world.Database, world.Sessions));
        services.AddSingleton<IRetainedStore>(world.Retained);
        services.AddSingleton<IRuleQueue, Nothing>().AddSingleton<IGatewayTrust, Nothing>().AddSingleton<IBlobSource, Nothing>()
            .AddSingleton<IDownloadKey, Nothing>().AddSingleton<IPasswordAuthenticator, Nothing>();
        services.AddFleetGateway();
        services.AddSingleton(new GatewayIdentity(NewGuid));
        services.AddSingleton(Options.Create(new AdmissionOptions { FlappingLimit = 0 }));
        services.AddSingleton(Options.Create(new ClusterOptions { Name = name }));
        _services = services.BuildServiceProvider();
    }

    public string Name { get; }

    /// <summary>Of this process; its id changes when it is taken for dead.</summary>
    public string Label { get; }

    public SeededTurns.Process Process { get; }
    public VirtualClock.ProcessTime Time { get; }
    public bool IsAlive => !Process.IsDead;

    /// <summary>Clients may come.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Neither grains nor other gateways hear of it, nor it of them. Clients and the database do.</summary>
    public bool IsCutOff
    {
        get;
        set => WasCutOff |= field = value;
    }

    public bool WasCutOff { get; private set; }

    /// <summary>It has ended in good order.</summary>
    public bool HasStopped { get; private set; }

    public string Id => Service<GatewayIdentity>().Id;

    public T Service<T>() where T : notnull => _services.GetRequiredService<T>();

    /// <summary>In a turn of its own.</summary>
    public void Start() => Do(async () =>
    {
        foreach (var step in _services.GetServices<IGatewayStep>()) await step.Start(CancellationToken.None);
        IsOpen = true;
        _world.Tell(Label, () => $"is open as {Id}");
    });

    public void Stop()
    {
        IsOpen = false;
        Do(async () =>
        {
            var connections = Service<ConnectionRegistry>();
            connections.EndAll(EndCause.ShuttingDown);
            while (connections.Count > 0) await Task.Delay(TimeSpan.FromMilliseconds(10), Time);
            foreach (var step in _services.GetServices<IGatewayStep>().Reverse()) await step.Stop(CancellationToken.None);
            HasStopped = true;
            Kill();
        });
    }

    /// <summary>Ends it where it is.</summary>
    public void Kill()
    {
        Process.IsDead = true;
        IsOpen = false;
        _world.Ended(this);
    }

    public void Dispose() => _services.Dispose();

    /// <summary>A process whose start or stop fails ends.</summary>
    private void Do(Func<Task> work) => Time.Post(async () =>
    {
        try { await work(); }
        catch (Exception e)
        {
            _world.Tell(Label, () => $"ends: {e.Message}");
            Kill();
        }
    });

    private Guid NewGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        _ids.NextBytes(bytes);
        return new Guid(bytes);
    }

    /// <summary>What no client here asks for.</summary>
    private sealed class Nothing : IRuleQueue, IGatewayTrust, IBlobSource, IDownloadKey, IPasswordAuthenticator
    {
        public SslStreamCertificateContext ServerCertificate => throw new NotSupportedException();
        public X509Certificate2Collection ClientAnchors => throw new NotSupportedException();
        public ReadOnlySpan<byte> Key => new byte[32];
        public Task<QueueFill?> Append(RuleMessage message, CancellationToken cancellation) => throw new NotSupportedException();
        public Task<QueueFill?> GetFill(string rule, CancellationToken cancellation) => throw new NotSupportedException();
        public SafeFileHandle? OpenRead(string sha256) => null;

        public Task<IReadOnlyList<PublisherFill>> GetHolders(
            string rule, long messageBytes, long atLeastBytes, CancellationToken cancellation) =>
            Task.FromResult<IReadOnlyList<PublisherFill>>([]);

        public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) =>
            new((string?)null);
    }
}
