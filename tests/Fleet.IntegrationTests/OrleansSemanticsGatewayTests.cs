using Fleet.Gateway;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.IntegrationTests.Support;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Rules;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using static Fleet.IntegrationTests.Support.OrleansGiven;

namespace Fleet.IntegrationTests;

/// <summary>What gateways ask of grains, and grains of gateways, when silos die and calls fail.</summary>
public sealed class OrleansSemanticsGatewayTests
{
    [Fact]
    public async Task A_notification_that_the_gateway_did_not_take_is_still_owed()
    {
        await using var cluster = await OrleansCluster.Start();
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        var device = await cluster.Connected("amr-1", gateway);
        bool away = true;
        gateway.Before = () => away ? throw new InvalidOperationException("It is cut off.") : Task.CompletedTask;
        await device.Offer(Offer());
        away = false;
        await KeepAlive(() => !gateway.Notifications.IsEmpty, gateway);
        Assert.Equal("amr-1", Assert.Single(gateway.Notifications).Thing.Value);
    }

    [Fact]
    public async Task A_revocation_does_not_wait_behind_what_other_gateways_have_to_say()
    {
        await using var cluster = await OrleansCluster.Start();
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        var stored = new TaskCompletionSource();
        gateway.BeforeForward = () => stored.Task;
        var forwarding = gateway.Grain.Forward(new PeerBatch("gw-2", 1, [], "gw-1"));
        await gateway.Grain.EndSessionsOf(Name<Interfaces.Naming.CertificateId>(new string('a', 64)));
        Assert.False(forwarding.IsCompleted);
        stored.SetResult();
        Assert.Equal(PeerAnswer.Received, await forwarding);
    }

    [Fact]
    public async Task A_fail_over_publishes_the_lost_sessions_of_the_devices_that_it_reached_and_comes_back_for_the_others()
    {
        await using var cluster = await OrleansCluster.Start();
        var dead = await new ObservedGateway(cluster, "gw-1").Join();
        var successor = await new ObservedGateway(cluster, "gw-2").Join();
        foreach (string thing in new[] { "amr-1", "amr-2", "amr-3" }) await cluster.Connected(thing, dead);
        bool away = true;
        cluster.Before = call => away && call.InterfaceMethod.Name == "GatewayLost" && call.TargetId == cluster.Device("amr-2").GetGrainId()
            ? throw new SiloUnavailableException("It died too.") : Task.CompletedTask;
        await cluster.Registry.Leave(dead.Id);
        await KeepAlive(() => successor.PublishedLost.Count == 2, successor);
        away = false;
        await KeepAlive(() => successor.PublishedLost.Count == 3, successor);
        Assert.Equal(["amr-1", "amr-2", "amr-3"], successor.PublishedLost.Select(session => session.ClientId).Order());
    }

    [Fact]
    public async Task A_device_that_is_activated_by_the_fail_over_of_its_gateway_is_published_as_lost()
    {
        await using var cluster = await OrleansCluster.Start();
        var dead = await new ObservedGateway(cluster, "gw-1").Join();
        var successor = await new ObservedGateway(cluster, "gw-2").Join();
        var device = await cluster.Connected("amr-1", dead);
        await cluster.Deactivate(device);
        await cluster.Registry.Leave(dead.Id);
        await KeepAlive(() => !successor.PublishedLost.IsEmpty, successor);
        Assert.Equal("session-of-amr-1-1", Assert.Single(successor.PublishedLost).ConnectionId);
        Assert.Equal(Connectivity.Disconnected, (await device.Get())!.Connectivity);
    }

    [Fact]
    public async Task A_device_that_came_back_elsewhere_is_not_published_as_lost()
    {
        await using var cluster = await OrleansCluster.Start();
        var dead = await new ObservedGateway(cluster, "gw-1").Join();
        var successor = await new ObservedGateway(cluster, "gw-2").Join();
        var device = await cluster.Connected("amr-1", dead);
        await cluster.Deactivate(device);
        await dead.Grain.Leave();
        await device.Connected(Session("amr-1", successor.Id, epoch: 2));
        Assert.Null(await device.GatewayLost(dead.Id, TimeProvider.System.GetUtcNow()));
        Assert.Equal(Connectivity.Connected, (await device.Get())!.Connectivity);
    }

    [Fact]
    public async Task That_a_session_is_over_is_said_until_a_silo_takes_it()
    {
        await using var cluster = await OrleansCluster.Start();
        var gateway = await new ObservedGateway(cluster, "gw-1").Join();
        var device = await cluster.Connected("amr-1", gateway);
        int attempts = 0;
        cluster.Before = call => call.InterfaceMethod.Name == "Disconnected"
            && ++attempts < 6 ? throw new SiloUnavailableException("It died.") : Task.CompletedTask;
        var presence = new PresenceReporter(
            cluster.Grains, new GatewayIdentity(), new GatewayClock(TimeProvider.System), NullLogger<PresenceReporter>.Instance);
        presence.Disconnected(Identity("amr-1"), DisconnectReason.ConnectionLost);
        await presence.Told();
        Assert.Equal(6, attempts);
        Assert.Equal(Connectivity.Disconnected, (await device.Get())!.Connectivity);
    }

    [Fact]
    public async Task A_gateway_that_starts_while_a_silo_dies_joins_when_the_others_know()
    {
        await using var cluster = await OrleansCluster.Start(silos: 2);
        var first = await new ObservedGateway(cluster, "gw-1").Join();
        var second = new ObservedGateway(cluster, "gw-2");
        await cluster.KillSiloOf(cluster.Registry);
        await WaitForSilos.UntilAnswered(second.Join, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        var view = await cluster.Registry.GetView();
        Assert.Equal([first.Id, second.Id], view.Gateways.Select(gateway => gateway.Id));
    }

    [Fact]
    public async Task A_gateway_is_told_as_long_as_its_host_lives_although_references_to_observers_are_weak()
    {
        string folder = Directory.CreateTempSubdirectory("fleet-test-").FullName;
        await using (var service = SiloHost.Build(
            [$"Fleet:DataDirectory={folder}", "Fleet:Gateway:MqttsPort=0", "Fleet:Http:Port=0", "Fleet:Metrics:Port=0"]))
        {
            await service.StartAsync();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            var grains = service.Services.GetRequiredService<IGrainFactory>();
            // Each of them answers, or the call times out.
            await grains.GetGrain<IGatewayGrain>(service.Services.GetRequiredService<GatewayIdentity>().Id).EndSessionsOf(
                Name<Interfaces.Naming.CertificateId>(new string('a', 64)));
            await grains.GetGrain<IRuleRegistryGrain>(IRuleRegistryGrain.Key).Set(
                new RuleRoute(Name<RuleName>("r"), 1, TopicFilter: null, Enabled: true));
            Assert.NotNull(service.Services.GetRequiredService<GatewayRules>().Find("r"));
            await service.StopAsync();
        }
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Gateways that do not beat are taken for dead.</summary>
    private static Task KeepAlive(Func<bool> until, params ObservedGateway[] gateways) => Eventually.True(
        async () =>
        {
            foreach (var gateway in gateways) await gateway.Beat();
            return until();
        },
        () => "it did not come to this");

    private static SessionIdentity Identity(string thing) => new()
    {
        Kind = SessionKind.Device,
        ClientId = thing,
        ConnectionId = $"session-of-{thing}-1",
        Policy = SessionPolicy.Fill(
            BuiltInPolicies.Device, SessionIdentity.PolicyVariables(thing, "10.0.0.1", Name<Interfaces.Naming.ThingName>(thing), null)),
        RemoteAddress = "10.0.0.1",
        Thing = Name<Interfaces.Naming.ThingName>(thing),
        GatewayId = "gw-1",
        Epoch = new(1),
    };
}
