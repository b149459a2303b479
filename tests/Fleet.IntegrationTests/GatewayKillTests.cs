using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>
/// kill -9 of one gateway of three, each a process of its own, over one PostgreSQL; its sessions go on at the others. <c>FLEET_GATEWAY_KILLS</c> says how often
/// (1), <c>FLEET_KILL_SEED</c> at which moments (1).
/// </summary>
public sealed class GatewayKillTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    [Fact]
    public async Task An_acknowledged_message_reaches_every_persistent_session_of_a_killed_gateway_elsewhere_in_order_and_at_QoS_2_once()
    {
        int kills = Setting("FLEET_GATEWAY_KILLS", 1);
        var moments = new Random(Setting("FLEET_KILL_SEED", 1));
        string[] settings = ["Fleet:Gateway:MaxQueuedMessages=1000000"];
        using var database = new PostgresTestDatabase();
        await using var service = await FleetService.StartCluster(database, ["Fleet:Gateway:PlainPort=0", .. settings]);
        string[] gateway = ["Fleet:Role=gateway", "Fleet:Gateway:PlainPort=0", .. service.ForOthers, .. settings];
        await using var other = await FleetProcess.Start(gateway);
        // One publisher at each gateway that stays; the subscribers are at one that does not.
        PersistentPublisher[] publishers = [new(() => service.PlainPort, "one", Qos.AtLeastOnce), new(() => other.PlainPort, "two", Qos.ExactlyOnce)];
        int present = 0, absent = 0;
        var here = new PersistentSubscriber(() => present, "present");
        var away = new PersistentSubscriber(() => absent, "absent");

        for (int kill = 1; kill <= kills; kill++)
        {
            await using var killed = await FleetProcess.Start(gateway);
            present = absent = killed.PlainPort;
            foreach (var subscriber in (PersistentSubscriber[])[here, away])
            {
                await using (await Connected(subscriber)) await subscriber.Subscribe();
            }
            using var ended = new CancellationTokenSource();
            using var stopped = new CancellationTokenSource();
            var receiving = here.ReceiveUntil(ended.Token);
            var publishing = publishers.Select(publisher => publisher.PublishUntilStopped(stopped.Token)).ToArray();
            await Task.Delay(TimeSpan.FromMilliseconds(moments.Next(500, 2_000)), TimeProvider.System);
            await killed.Kill();
            await ended.CancelAsync();
            await receiving;
            // They come to two different gateways, while messages for them go on being published.
            (present, absent) = (service.PlainPort, other.PlainPort);
            foreach (var subscriber in (PersistentSubscriber[])[here, away])
            {
                await using var client = await Connected(subscriber);
                Assert.True(client.SessionPresent, $"{subscriber.ClientId} after kill {kill}");
            }
            await stopped.CancelAsync();
            await Task.WhenAll(publishing);
        }
        foreach (var publisher in publishers) await publisher.Finish();
        foreach (var subscriber in (PersistentSubscriber[])[here, away])
        {
            await subscriber.ReceiveAll(publishers);
            foreach (var publisher in publishers) subscriber.Check(publisher, $"{subscriber.ClientId} after {kills} kills");
        }
        output.WriteLine($"{kills} kills; {string.Join("; ", publishers.AsEnumerable())}; {here}; {away}");
    }

    /// <summary>Tries until it is let in: before the gateway is known to be dead, and its sessions are elsewhere, it is told to try again.</summary>
    private static async Task<RawMqtt> Connected(PersistentSubscriber subscriber)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        while (true)
        {
            try
            {
                return await subscriber.Connect();
            }
            catch (RefusedException) when (!patience.IsCancellationRequested)
            {
                await Task.Delay(Pause, TimeProvider.System, patience.Token);
            }
        }
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text) : otherwise;
}
