using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>
/// kill -9 at random moments of traffic to persistent sessions. <c>FLEET_SESSION_KILLS</c> says how often (5), <c>FLEET_KILL_SEED</c> which moments (1);
/// <c>tests/kill-nine.sh</c> is the long run.
/// </summary>
public sealed class DurableSessionKillTests(ITestOutputHelper output)
{
    private const int LongestLifeMs = 1_000;

    /// <summary>The absent subscriber looks in after so many.</summary>
    private const int KillsAway = 10;

    [Fact]
    public async Task An_acknowledged_message_reaches_every_persistent_session_in_order_and_at_QoS_2_once_however_often_the_service_is_killed()
    {
        int kills = Setting("FLEET_SESSION_KILLS", 5), seed = Setting("FLEET_KILL_SEED", 1);
        var moments = new Random(seed);
        await using var fleet = await FleetService.Start("Fleet:Gateway:PlainPort=0", "Fleet:Gateway:MaxQueuedMessages=1000000");
        PersistentPublisher[] publishers = [new(() => fleet.PlainPort, "one", Qos.AtLeastOnce), new(() => fleet.PlainPort, "two", Qos.ExactlyOnce)];
        var present = new PersistentSubscriber(() => fleet.PlainPort, "present");
        var absent = new PersistentSubscriber(() => fleet.PlainPort, "absent");
        // Both before the first message, or that one would not be theirs.
        foreach (var subscriber in (PersistentSubscriber[])[present, absent])
        {
            await using (await subscriber.Connect()) await subscriber.Subscribe();
        }

        for (int kill = 1; kill <= kills; kill++)
        {
            using var killed = new CancellationTokenSource();
            var lives = publishers.Select(publisher => publisher.PublishUntil(killed.Token)).Append(present.ReceiveUntil(killed.Token)).ToArray();
            await Task.Delay(TimeSpan.FromMilliseconds(moments.Next(50, LongestLifeMs)), TimeProvider.System);
            await fleet.Kill();
            await killed.CancelAsync();
            await Task.WhenAll(lives);
            await fleet.StartAgain();
            if (kill % KillsAway == 0) await absent.ReceiveAll(publishers);
        }
        foreach (var publisher in publishers) await publisher.Finish();
        foreach (var subscriber in (PersistentSubscriber[])[present, absent])
        {
            await subscriber.ReceiveAll(publishers);
            foreach (var publisher in publishers) subscriber.Check(publisher, $"{subscriber.ClientId} after {kills} kills of seed {seed}");
        }
        output.WriteLine($"{kills} kills with seed {seed}; {string.Join("; ", publishers.AsEnumerable())}; {present}; {absent}");
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text) : otherwise;
}
