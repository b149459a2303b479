using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Fleet.Load;

/// <summary>
/// Devices that stay connected and publish ten times a second with QoS 1, in a process of their own. Each acknowledgement becomes a line "unix ms,
/// latency in µs" of a file, so that whoever made the rest happen can say how it was before, during and after.
/// </summary>
internal sealed class WitnessScenario(Run run) : IScenario
{
    private const double PauseSeconds = 0.1;
    private readonly ConcurrentQueue<string> _lines = new();
    private int _open;

    private sealed class State(byte[] publish)
    {
        public byte[] Publish => publish;
        public long SentAt { get; set; }
    }

    public async Task Execute()
    {
        var clients = await run.OpenAll(this, run.Connections, () => Volatile.Read(ref _open), run.Number("from", 0));
        Console.WriteLine("publishing");
        foreach (var client in clients) client.Poller.Post(() => Publish(client));
        // Until the script has what it wants: it ends this by closing the input.
        await Console.In.ReadToEndAsync();
        await File.WriteAllLinesAsync(run.Text("out"), _lines);
    }

    public void Opened(Client client) => client.SendConnect(Devices.ThingOf(client.Number));

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        if (header == 0x20) Interlocked.Increment(ref _open);
        if (header != 0x40) return;
        double latency = Stopwatch.GetElapsedTime(((State)client.Tag!).SentAt).TotalMicroseconds;
        _lines.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()} {latency:0}"));
        client.Poller.After(PauseSeconds, () => Publish(client));
    }

    public void ReadOver(Client client)
    {
    }

    public void Closed(Client client) => throw new InvalidDataException($"The server closed connection {client.Number}, which had nothing to do with the storm.");

    private static void Publish(Client client)
    {
        client.Tag ??= new State(Packet(client.Number));
        var state = (State)client.Tag;
        state.SentAt = Stopwatch.GetTimestamp();
        client.Send(state.Publish);
    }

    private static byte[] Packet(int number)
    {
        byte[] topic = Encoding.ASCII.GetBytes($"fleet/{Devices.ThingOf(number)}/telemetry"), body = new byte[64];
        return [0x32, (byte)(4 + topic.Length + body.Length), 0, (byte)topic.Length, .. topic, 0, 1, .. body];
    }
}
