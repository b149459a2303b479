using System.Net;
using System.Text;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;
using static Fleet.IntegrationTests.HostileConnection;

namespace Fleet.IntegrationTests;

/// <summary>spec/security.md, 6.5: not one packet is wrong, there are only too many, or too few. Whatever these clients do, another is served.</summary>
public sealed class HostileLoadTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start(
        "Fleet:Gateway:PlainPort=0", "Fleet:Gateway:ConnectTimeoutSeconds=2", "Fleet:Gateway:HandshakeTimeoutSeconds=2",
        "Fleet:Gateway:MaxRetainedMessages=20", "Fleet:Gateway:FlappingLimit=10");

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact(DisplayName = "6.5 TLS that is never finished is cut off")]
    public async Task Half_open_tls()
    {
        // A record header that promises a ClientHello of 512 bytes.
        byte[] beginning = Hex("16 03 01 02 00 01 00 01 FC 03 03");
        var connections = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Open(_fleet.MqttsPort)));
        foreach (var connection in connections[100..]) await connection.Send(beginning);
        await using (await WireDevice.New(_fleet, "amr-1"))
        {
            foreach (var connection in connections)
            {
                Assert.Equal(HostileConnection.Answer.Closed, await connection.Next());
                await connection.DisposeAsync();
            }
        }
    }

    [Fact(DisplayName = "6.5 TLS that comes drop by drop is cut off")]
    public async Task Slow_tls()
    {
        await using var connection = await Open(_fleet.MqttsPort);
        byte[] beginning = Hex("16 03 01 02 00 01 00 01 FC 03 03");
        var closed = connection.Next();
        int sent = 0;
        for (; !closed.IsCompleted && sent < beginning.Length; sent++)
        {
            await connection.Send(beginning.AsMemory(sent, 1));
            await Task.WhenAny(closed, Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System));
        }
        Assert.Equal(HostileConnection.Answer.Closed, await closed);
        Assert.InRange(sent, 2, 8);
    }

    [Fact(DisplayName = "6.5 a flood of connections that say nothing")]
    public async Task Connect_flood()
    {
        await using var witness = await Join("witness");
        var connections = await Task.WhenAll(Enumerable.Range(0, 1_000).Select(_ => Open(_fleet.PlainPort)));
        Assert.Equal(ReasonCode.Success, await witness.Client.PublishAsync("x", default, Qos.AtLeastOnce));
        foreach (var connection in connections)
        {
            Assert.Equal(HostileConnection.Answer.Closed, await connection.Next());
            await connection.DisposeAsync();
        }
        await using (await Join("another")) { }
    }

    [Fact(DisplayName = "6.5 a client that connects and drops again and again is held off, and nobody else")]
    public async Task Flapping()
    {
        await using var witness = await Join("witness");
        string answer;
        int times = 0;
        do
        {
            await using var connection = await Open(_fleet.PlainPort);
            await connection.Send(Connect(true, "moth"));
            answer = (await connection.Next()).Words;
        }
        while (answer == "connack 00" && ++times < 100);
        Assert.Equal("connack 9F", answer);
        Assert.InRange(times, 10, 20);
        await using var old = await Open(_fleet.PlainPort, is5: false);
        await old.Send(Connect(false, "moth"));
        Assert.Equal("connack 03, close", await old.Transcript());
        await using (await Join("another")) Assert.Equal(ReasonCode.Success, await witness.Client.PublishAsync("x", default, Qos.AtLeastOnce));
    }

    [Fact(DisplayName = "6.5 a subscriber that reads nothing costs a bounded queue and slows nobody")]
    public async Task Slow_reader()
    {
        await using var slow = await OpenSession(_fleet.PlainPort, true, "slow");
        await slow.Send("82 07 00 01 00 00 01 66 01");
        Assert.Equal("suback 01", (await slow.Next()).Words);
        await using var quick = await Join("quick");
        await quick.Client.SubscribeAsync("f", Qos.AtLeastOnce);
        await using var publisher = await Join("publisher");
        // 64 MiB through a queue of 8 MiB: most of it cannot be kept for the one, and all of it reaches the other.
        byte[] payload = new byte[64 * 1024];
        for (int i = 0; i < 1_024; i++)
        {
            payload[0] = (byte)i;
            Assert.Equal(ReasonCode.Success, await publisher.Client.PublishAsync("f", payload, Qos.AtLeastOnce));
            Assert.Equal((byte)i, (await quick.Next(_ => true)).Payload.Span[0]);
        }
        int heard = 0;
        while ((await slow.Next()).Words == "publish" && ++heard < 100) { }
        Assert.InRange(heard, 50, 100);
    }

    [Fact(DisplayName = "6.5 retained topics are counted: one too many is refused with 0x97, those there are go on")]
    public async Task Retained_stuffing()
    {
        await using var client = await Join("stuffer");
        for (int i = 0; i < 20; i++) Assert.Equal(ReasonCode.Success, await Retain($"r/{i}", "1"));
        Assert.Equal(ReasonCode.QuotaExceeded, await Retain("r/20", "1"));
        Assert.Equal(ReasonCode.Success, await Retain("r/7", "2"));
        Assert.Equal(ReasonCode.Success, await Retain("r/3", ""));
        Assert.Equal(ReasonCode.Success, await Retain("r/20", "1"));

        Task<ReasonCode> Retain(string topic, string payload) => client.Client.PublishAsync(topic, Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce, retain: true);
    }

    [Fact(DisplayName = "6.5 subscriptions are counted, by packet and by session (3.9.3, 0x97)")]
    public async Task Subscription_stuffing()
    {
        await using var client = await Join("subscriber");
        int granted = 0;
        while (await client.Client.SubscribeAsync($"s/{granted}", Qos.AtLeastOnce) == ReasonCode.GrantedQos1) Assert.InRange(++granted, 0, 1_000);
        Assert.Equal(ReasonCode.QuotaExceeded, await client.Client.SubscribeAsync("s/more", Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.GrantedQos1, await client.Client.SubscribeAsync("s/0", Qos.AtLeastOnce));
        await using var other = await Join("other");
        var codes = await other.Client.SubscribeAsync([.. Enumerable.Range(0, 20).Select(i => new Subscription($"t/{i}", Qos.AtLeastOnce))]);
        Assert.Equal(ReasonCode.QuotaExceeded, codes[^1]);
        Assert.Equal(ReasonCode.GrantedQos1, codes[0]);
    }

    private Task<WireDevice> Join(string clientId) =>
        WireDevice.Connect(new MqttClientOptions { Host = IPAddress.Loopback.ToString(), Port = _fleet.PlainPort, ClientId = clientId });
}
