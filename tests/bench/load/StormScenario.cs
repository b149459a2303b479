using System.Diagnostics;
using System.Text;

namespace Fleet.Load;

/// <summary>
/// A whole fleet, with heartbeats and wills; then, at a line on the input, all lose their connections at once and come back as devices do: at once,
/// and when that fails, after a pause that doubles, with jitter. They hold on until the input ends.
/// </summary>
internal sealed class StormScenario(Run run) : IScenario
{
    private const double FirstPause = 0.5, LongestPause = 16, ConnectPatience = 30;
    private readonly int _heartbeat = run.Number("heartbeat", 10);
    private readonly bool _resumes = run.Number("resume", 0) != 0;

    private readonly Random _random = new(1);
    private int _open;
    private long _attempts, _handshakes, _resumed;

    private sealed class State
    {
        public bool IsOpen { get; set; }
        public double Pause { get; set; } = FirstPause;
        public int Attempt { get; set; }
        public required byte[] Heartbeat { get; init; }
    }

    public async Task Execute()
    {
        int from = run.Number("from", 0);
        var clients = Enumerable.Range(from, run.Connections).Select(i => run.NewClient(i, this, _resumes)).ToArray();
        long start = Stopwatch.GetTimestamp();
        foreach (var client in clients)
        {
            client.Tag = new State { Heartbeat = Heartbeat(client.Number) };
            client.Poller.Post(() => Connect(client));
        }
        await AllOpen("connected", clients.Length, start);
        await Console.In.ReadLineAsync();
        start = Stopwatch.GetTimestamp();
        foreach (var client in clients) client.Poller.Post(client.Close);
        while (Volatile.Read(ref _open) > run.Connections / 2) await Run.Wait(0.005);
        await AllOpen("back", clients.Length, start);
        await Console.In.ReadToEndAsync();
    }

    public void Opened(Client client)
    {
        Interlocked.Increment(ref _handshakes);
        if (client.WasResumed) Interlocked.Increment(ref _resumed);
        string thing = Devices.ThingOf(client.Number);
        client.SendConnect(thing, willTopic: $"fleet/{thing}/will");
    }

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        if (header != 0x20) return;
        if (body[1] != 0)
        {
            client.Close();
            return;
        }
        var state = (State)client.Tag!;
        (state.IsOpen, state.Pause) = (true, FirstPause);
        Interlocked.Increment(ref _open);
        int attempt = state.Attempt;
        client.Poller.After(_heartbeat * Jitter(), () => Beat(client, attempt));
    }

    public void ReadOver(Client client)
    {
    }

    public void Closed(Client client)
    {
        var state = (State)client.Tag!;
        if (state.IsOpen) Interlocked.Decrement(ref _open);
        bool first = state.IsOpen;
        state.IsOpen = false;
        state.Attempt++;
        double pause = first ? Jitter() * FirstPause : Jitter() * (state.Pause = Math.Min(state.Pause * 2, LongestPause));
        client.Poller.After(pause, () => Connect(client));
    }

    private void Connect(Client client)
    {
        Interlocked.Increment(ref _attempts);
        client.Connect();
        var state = (State)client.Tag!;
        int attempt = state.Attempt;
        client.Poller.After(ConnectPatience, () =>
        {
            if (!state.IsOpen && state.Attempt == attempt) client.Close();
        });
    }

    private void Beat(Client client, int attempt)
    {
        var state = (State)client.Tag!;
        if (!state.IsOpen || state.Attempt != attempt) return;
        client.Send(state.Heartbeat);
        client.Poller.After(_heartbeat, () => Beat(client, attempt));
    }

    private async Task AllOpen(string what, int count, long start)
    {
        while (Volatile.Read(ref _open) < count)
        {
            if (Stopwatch.GetElapsedTime(start).TotalMinutes > 4) throw new TimeoutException($"{_open} of {count} are {what}.");
            await Run.Wait(0.01);
        }
        Console.Write($"{what} ");
        Run.Print(
            ("devices", count), ("seconds", Stopwatch.GetElapsedTime(start).TotalSeconds), ("attempts", Interlocked.Exchange(ref _attempts, 0)),
            ("handshakes", Interlocked.Exchange(ref _handshakes, 0)), ("resumed", Interlocked.Exchange(ref _resumed, 0)));
    }

    private double Jitter()
    {
        lock (_random) return _random.NextDouble();
    }

    private static byte[] Heartbeat(int number)
    {
        byte[] name = Encoding.ASCII.GetBytes($"fleet/{Devices.ThingOf(number)}/heartbeat");
        byte[] body = [.. """{"periodSeconds":10}"""u8];
        return [0x30, (byte)(2 + name.Length + body.Length), 0, (byte)name.Length, .. name, .. body];
    }
}
