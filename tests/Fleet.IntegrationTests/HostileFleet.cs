using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>
/// A service for hostile clients, and a well-behaved one beside them: it hears everything, so that what should not be forwarded would be seen, and
/// it must be served whatever the others do.
/// </summary>
public abstract class HostileFleet(string transport) : IAsyncLifetime
{
    /// <summary>Seconds, short because tests wait for it.</summary>
    public const int ConnectTimeout = 2;

    private int _marks;
    private WireDevice _witness = null!;

    public FleetService Service { get; private set; } = null!;

    public int Port => Service.PlainPort;

    public async ValueTask InitializeAsync()
    {
        // These clients come and go a hundred times a minute; who does so elsewhere is in HostileLoadTests.
        Service = await FleetService.Start(
            $"Fleet:Gateway:Transport={transport}", "Fleet:Gateway:PlainPort=0", "Fleet:Gateway:FlappingLimit=0", $"Fleet:Gateway:ConnectTimeoutSeconds={ConnectTimeout}", "Fleet:Gateway:HandshakeTimeoutSeconds=2");
        _witness = await Join("witness");
        await _witness.Client.SubscribeAsync([new Subscription("#", Qos.AtLeastOnce)]);
    }

    public async ValueTask DisposeAsync()
    {
        await _witness.DisposeAsync();
        await Service.DisposeAsync();
    }

    public Task<WireDevice> Join(string clientId) =>
        WireDevice.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = Port, ClientId = clientId, ReceiveMaximum = 100 });

    /// <summary>What the witness has heard since it was asked last; it is served, or this fails.</summary>
    public async Task<IReadOnlyList<string>> Heard()
    {
        string mark = $"mark/{++_marks}";
        List<string> heard = [];
        Assert.Equal(ReasonCode.Success, await _witness.Client.PublishAsync(mark, default, Qos.AtLeastOnce));
        while (await _witness.Next(_ => true) is { Topic: var topic } && topic != mark) heard.Add(topic);
        return heard;
    }
}

/// <summary>Whatever the gateway picks on this machine: the reactor, on Linux.</summary>
public sealed class HostileFleetOnAuto() : HostileFleet("auto");

public sealed class HostileFleetOnKestrel() : HostileFleet("kestrel");

[CollectionDefinition(nameof(HostileFleetOnAuto))]
public sealed class HostileOnAuto : ICollectionFixture<HostileFleetOnAuto>;

[CollectionDefinition(nameof(HostileFleetOnKestrel))]
public sealed class HostileOnKestrel : ICollectionFixture<HostileFleetOnKestrel>;
