using System.Collections.Concurrent;
using Fleet.Grains.Firmware;
using Fleet.Grains.Index;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Fleet.Silo.Hosting;
using Fleet.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Storage;
using Orleans.TestingHost;

namespace Fleet.IntegrationTests.Support;

/// <summary>Silos of real Orleans in this process, with Fleet's grains and one store for all of them, and a client that stands for gateways.</summary>
internal sealed class OrleansCluster : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;
    private readonly Faults _faults = new();
    private readonly ConcurrentBag<object> _kept = [];

    private OrleansCluster(short silos)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureHost(host =>
        {
            host.Logging.SetMinimumLevel(LogLevel.None);
            host.Services.AddGrainExceptions();
        });
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddReminders();
            silo.Configure<ClusterMembershipOptions>(Membership.NoticeTheDead);
            silo.AddIncomingGrainCallFilter(_faults);
            silo.Services.AddSingleton(TimeProvider.System).AddSingleton<IGrainStorage>(Store).AddSingleton<IFleetIndex>(Store)
                .AddSingleton<IReminderTable>(Reminders)
                .AddSingleton<IFirmwareSigner, Signer>().AddFleetRollouts();
        });
        _cluster = builder.Build();
    }

    public UnsoundStore Store { get; } = new();

    public MemoryReminderTable Reminders { get; } = new();

    public IGrainFactory Grains => _cluster.Client;

    /// <summary>Orleans holds observers weakly, and one that was collected never answers.</summary>
    public void Keep(object observer) => _kept.Add(observer);

    public IGatewayRegistryGrain Registry => Grains.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key);

    /// <summary>Awaited, and perhaps failed, before each call that reaches a grain.</summary>
    public Func<IIncomingGrainCallContext, Task> Before
    {
        set => _faults.Before = value;
    }

    public static async Task<OrleansCluster> Start(short silos = 1)
    {
        var cluster = new OrleansCluster(silos);
        await cluster._cluster.DeployAsync();
        return cluster;
    }

    /// <summary>As a silo has them, which calls without a wire.</summary>
    public IGrainFactory GrainsOfASilo => _cluster.GetSiloServiceProvider().GetRequiredService<IGrainFactory>();

    public bool IsActive(IAddressable grain) => _cluster.TryGetGrainContext(grain.GetGrainId(), out _);

    /// <summary>Ends the grain's activation; the next call begins another.</summary>
    public Task Deactivate(IAddressable grain) => _cluster.DeactivateAsync(grain);

    /// <summary>The silo that has the grain ends without a word.</summary>
    public async Task KillSiloOf(IAddressable grain)
    {
        Assert.True(_cluster.TryGetGrainContext(grain.GetGrainId(), out var activation));
        await _cluster.KillSiloAsync(_cluster.GetSiloForAddress(activation.Address.SiloAddress!)!);
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private sealed class Faults : IIncomingGrainCallFilter
    {
        public Func<IIncomingGrainCallContext, Task> Before { get; set; } = _ => Task.CompletedTask;

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            await Before(context);
            await context.Invoke();
        }
    }

    private sealed class Signer : IFirmwareSigner
    {
        public string CertificatePem => "";

        public byte[] SignHash(ReadOnlySpan<byte> sha256) => [1];
    }
}
