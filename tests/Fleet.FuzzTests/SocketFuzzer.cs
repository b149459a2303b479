using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.FuzzTests;

/// <summary>The same packets over real connections to a started service, cut anywhere and broken off at any moment, while a well-behaved client must be served.</summary>
internal static class SocketFuzzer
{
    private const int Hostile = 12;

    /// <summary>For one publish of the well-behaved client, there and back, on a machine that is busy.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task<FuzzReport> Run(int seed, TimeSpan duration, TextWriter log, params string[] settings)
    {
        await using var fleet = await FleetService.Start(
            ["Fleet:Gateway:PlainPort=0", "Fleet:Gateway:FlappingLimit=0", "Fleet:Gateway:ConnectRate=100000", "Fleet:Gateway:ConnectTimeoutSeconds=2", .. settings]);
        using var stop = new CancellationTokenSource(duration);
        var hostile = Enumerable.Range(0, Hostile).Select(i => Task.Run(() => Attack(fleet.PlainPort, seed + i, stop.Token))).ToArray();
        long slowest;
        try
        {
            slowest = await BehaveWell(fleet.PlainPort, stop.Token);
        }
        catch (Exception e)
        {
            throw new FuzzFailedException($"seed {seed}: the well-behaved client was not served: {e.Message}\n{fleet.Output}", e);
        }
        var (connections, packets) = (await Task.WhenAll(hostile)).Aggregate((a, b) => (a.Item1 + b.Item1, a.Item2 + b.Item2));
        log.WriteLine($"{connections} connections, {packets} packets; the slowest answer to the well-behaved client took {slowest} ms");
        // An exception that only the log tells of is a fault as well.
        if (fleet.Output.Split('\n').FirstOrDefault(l => l.Contains("Exception", StringComparison.Ordinal) || l.Contains(" fail: ", StringComparison.Ordinal)) is { } line)
            throw new FuzzFailedException($"seed {seed}: the service logged: {line}");
        return new FuzzReport((int)connections, packets, 0);
    }

    /// <returns>The longest time in milliseconds that a message took.</returns>
    private static async Task<long> BehaveWell(int port, CancellationToken stop)
    {
        await using var client = await WireDevice.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = port, ClientId = "witness" });
        await client.Client.SubscribeAsync("mark", Qos.AtLeastOnce, CancellationToken.None);
        long slowest = 0;
        var clock = new Stopwatch();
        while (!stop.IsCancellationRequested)
        {
            clock.Restart();
            var code = await client.Client.PublishAsync("mark", default, Qos.AtLeastOnce, retain: false, CancellationToken.None).WaitAsync(Patience, CancellationToken.None);
            if (code != ReasonCode.Success) throw new InvalidOperationException($"PUBACK {code}");
            await client.Next(t => t == "mark").WaitAsync(Patience, CancellationToken.None);
            slowest = Math.Max(slowest, clock.ElapsedMilliseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
        }
        return slowest;
    }

    private static async Task<(long Connections, long Packets)> Attack(int port, int seed, CancellationToken stop)
    {
        var dice = new Dice(seed);
        long connections = 0, packets = 0;
        while (!stop.IsCancellationRequested)
        {
            connections++;
            using var tcp = new TcpClient { NoDelay = true };
            try
            {
                await tcp.ConnectAsync(IPAddress.Loopback, port, CancellationToken.None);
                packets += await Babble(tcp, dice, stop);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // The server had enough of it.
            }
        }
        return (connections, packets);
    }

    private static async Task<long> Babble(TcpClient tcp, Dice dice, CancellationToken stop)
    {
        var maker = new PacketMaker(dice, is5: dice.Rarely(50));
        var stream = tcp.GetStream();
        byte[] sink = new byte[16 * 1024];
        bool reads = dice.Rarely(80);
        long packets = 0;
        for (int i = dice.Below(200); i >= 0 && !stop.IsCancellationRequested; i--)
        {
            byte[] bytes = packets++ == 0 && dice.Rarely(95) ? maker.Connect() : maker.Any([]);
            if (dice.Rarely(5)) bytes = Mutation.Of(bytes, dice);
            int cut = dice.Rarely(30) ? dice.Below(bytes.Length + 1) : bytes.Length;
            await stream.WriteAsync(bytes.AsMemory(0, cut), CancellationToken.None);
            if (cut < bytes.Length) await stream.WriteAsync(bytes.AsMemory(cut), CancellationToken.None);
            while (reads && tcp.Available > 0) await stream.ReadExactlyAsync(sink.AsMemory(0, Math.Min(tcp.Available, sink.Length)), CancellationToken.None);
        }
        // A reset instead of an end: the peer's cable was pulled.
        if (dice.Rarely(30)) tcp.LingerState = new LingerOption(true, 0);
        return packets;
    }
}
