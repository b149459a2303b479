namespace Fleet.SimulationTests.Gateways;

/// <summary>How long the devices of a gateway that is killed are away (docs/gateways.md).</summary>
public sealed class FailoverTimeTests
{
    private const int Devices = 200;

    private static readonly TimeSpan AllIn = TimeSpan.FromSeconds(20), Wanted = TimeSpan.FromSeconds(15);

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5)]
    public void All_devices_of_a_gateway_that_is_killed_are_back_within_15_seconds(int seed)
    {
        TimeSpan[] away = Measure(seed);
        Assert.NotEmpty(away);
        Assert.All(away, time => Assert.InRange(time, TimeSpan.Zero, Wanted));
    }

    /// <summary>From the kill to CONNACK, for each of its devices, in order.</summary>
    internal static TimeSpan[] Measure(int seed, TextWriter? history = null)
    {
        TimeSpan[] away = [];
        var thread = new Thread(() =>
        {
            using var world = new GatewayWorld(seed, isTold: history is not null, history, Devices);
            // Beats come every three seconds: the kill meets them at any moment.
            world.Run(AllIn + TimeSpan.FromMilliseconds(world.Random.Next(3_000)));
            var killed = world.Gateways[0];
            SimulatedClient[] lost = [.. world.Clients.Where(client => client.At == killed)];
            var at = world.Clock.Elapsed;
            killed.Kill();
            world.Run(Wanted * 4);
            away = [.. lost.Select(client => client.LetInAt - at).Order()];
        });
        thread.Start();
        thread.Join();
        return away;
    }
}
