using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;
using static Fleet.IntegrationTests.HostileConnection;

namespace Fleet.IntegrationTests;

/// <summary>Retained messages are everybody's memory: whoever takes all it gets of them leaves others theirs.</summary>
public sealed class HostileRetainedTests : IAsyncLifetime
{
    private const int Topics = 1_000, Subscribes = 400;

    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start(
        "Fleet:Gateway:PlainPort=0", "Fleet:Gateway:MaxRetainedMessagesPerPrincipal=1001", "Fleet:Gateway:MaxRetainedBytesPerPrincipal=100000");

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task Retained_messages_that_are_never_acknowledged_are_queued_for_nobody_and_others_get_theirs()
    {
        await using var publisher = await Join("publisher");
        foreach (int[] some in Enumerable.Range(0, Topics).Chunk(50))
            Assert.All(await Task.WhenAll(some.Select(i => Retain(publisher, $"many/{i}", "1"))), code => Assert.Equal(ReasonCode.Success, code));

        await using var holder = await OpenSession(_fleet.PlainPort, true, "holder");
        byte[] subscribe = Packet(0x82, [0, 1, 0, 0, 6, .. "many/#"u8, 1]);
        for (int i = 0; i < Subscribes; i++) await holder.Send(subscribe);
        for (int acknowledged = 0; acknowledged < Subscribes;)
        {
            if ((await holder.Next()).Words == "suback 01") acknowledged++;
        }
        Assert.InRange(await Queued(), 0, 1_000);

        await using var other = await Join("other");
        Assert.Equal(ReasonCode.GrantedQos1, await other.Client.SubscribeAsync("many/+", Qos.AtLeastOnce));
        HashSet<string> topics = [];
        while (topics.Count < Topics) Assert.True(topics.Add((await other.Next(_ => true)).Topic));
        // What is published comes to it too.
        Assert.Equal(ReasonCode.Success, await publisher.Client.PublishAsync("many/0", "live"u8.ToArray(), Qos.AtLeastOnce));
        Assert.Equal("live", Encoding.UTF8.GetString((await other.Next(_ => true)).Payload.Span));
    }

    [Fact]
    public async Task A_principal_that_has_used_up_its_share_is_told_which_and_another_retains()
    {
        await using var device = await WireDevice.New(_fleet, "amr-1");
        await using var greedy = await Join("greedy");
        byte[] large = new byte[40_000];
        Assert.Equal(ReasonCode.Success, await Retain(greedy, "large/1", large));
        Assert.Equal(ReasonCode.Success, await Retain(greedy, "large/2", large));
        Assert.Equal(ReasonCode.QuotaExceeded, await Retain(greedy, "large/3", large));
        // Another client of the same principal, and the reason in words; 3.1.1 has none.
        await using var five = await OpenSession(_fleet.PlainPort, true, "five");
        await five.Send(Packet(0x31, [0, 7, .. "large/4"u8, 0, .. large]));
        Assert.Equal("disconnect 97, close", await five.Transcript());
        await using var three = await OpenSession(_fleet.PlainPort, false, "three");
        await three.Send(Packet(0x33, [0, 7, .. "large/4"u8, 0, 1, .. large]));
        Assert.Equal("close", await three.Transcript());

        Assert.Equal(ReasonCode.Success, await Retain(device, "fleet/amr-1/large", large));
        Assert.Equal(ReasonCode.Success, await Retain(greedy, "large/2", "small"));
        Assert.Equal(ReasonCode.Success, await Retain(greedy, "large/3", large));
        Assert.Contains("MaxRetainedBytesPerPrincipal", _fleet.Output, StringComparison.Ordinal);

        // It is charged after a restart too.
        await greedy.DisposeAsync();
        await _fleet.Kill();
        await _fleet.StartAgain();
        await using var again = await Join("again");
        // Until it has them, the gateway may not know of all.
        await again.Client.SubscribeAsync("large/3", Qos.AtLeastOnce);
        Assert.Equal(large.Length, (await again.Next(_ => true)).Payload.Length);
        Assert.Equal(ReasonCode.QuotaExceeded, await Retain(again, "large/4", large));
    }

    private async Task<long> Queued()
    {
        using var http = new HttpClient { BaseAddress = _fleet.Metrics };
        string metrics = await http.GetStringAsync("/metrics");
        return long.Parse(Regex.Match(metrics, @"mqtt_server_queue_length\S*state=""queued""\S* (\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static Task<ReasonCode> Retain(WireDevice client, string topic, string payload) => Retain(client, topic, Encoding.UTF8.GetBytes(payload));

    private static Task<ReasonCode> Retain(WireDevice client, string topic, byte[] payload) =>
        client.Client.PublishAsync(topic, payload, Qos.AtLeastOnce, retain: true);

    private Task<WireDevice> Join(string clientId) =>
        WireDevice.Connect(new MqttClientOptions { Host = IPAddress.Loopback.ToString(), Port = _fleet.PlainPort, ClientId = clientId });
}
