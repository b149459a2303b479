using System.Diagnostics;
using System.Text;

namespace Fleet.Load;

/// <summary>
/// A whole fleet, with heartbeats; then all but a few lose their connections at once and come back as devices do: at once, and when that fails,
/// after a pause that doubles, with jitter. The few go on publishing: how long do they wait for their acknowledgements meanwhile?
/// </summary>
internal sealed class StormScenario(Run run) : IScenario
{
    private const double FirstPause = 0.5, LongestPause = 16, ConnectPatience = 30;
    private readonly int _witnesses = run.Number("witnesses", 100), _heartbeat = run.Number("heartbeat", 10);
    private readonly Random _random = new(1);

    // A thread of their own: they are to wait for the server, not for the handshakes that this process has to do.
    private readonly Poller _witness = new();
    private int _open;
    private long _beats, _attempts;

    private sealed class State
    {
        public bool IsOpen { get; set; }
        public double Pause { get; set; } = FirstPause;
        public long SentAt { get; set; }
        public int Attempt { get; set; }
        public required byte[] Heartbeat { get; init; }
        public required byte[] Publish { get; init; }
    }

    public async Task Execute()
    {
        var clients = Enumerable.Range(0, run.Connections).Select(i => run.NewClient(i, this, poller: i < _witnesses ? _witness : null)).ToArray();
        double cpu = run.Server.CpuMicroseconds();
        long start = Stopwatch.GetTimestamp();
        foreach (var client in clients)
        {
            client.Tag = NewState(client.Number);
            client.Poller.Post(() => Connect(client));
        }
        double up = await AllOpen(clients.Length, start);
        Run.Print(("connected", clients.Length), ("connect_seconds", up), ("cpu_us_per_connect", (run.Server.CpuMicroseconds() - cpu) / clients.Length),
            ("attempts", Interlocked.Read(ref _attempts)), ("resident_kib", run.Server.ResidentKiB()));

        foreach (var client in clients.Take(_witnesses)) client.Poller.Post(() => Publish(client));
        await Measure("quiet", run.Seconds);
        Interlocked.Exchange(ref _attempts, 0);
        cpu = run.Server.CpuMicroseconds();
        start = Stopwatch.GetTimestamp();
        _witness.Samples.Clear();
        foreach (var client in clients.Skip(_witnesses)) client.Poller.Post(client.Close);
        while (Volatile.Read(ref _open) > run.Connections / 2) await Run.Wait(0.005);
        double back = await AllOpen(clients.Length, start);
        Run.Print(("back", clients.Length), ("recover_seconds", back), ("cpu_us_per_connect", (run.Server.CpuMicroseconds() - cpu) / clients.Length),
            ("attempts", Interlocked.Read(ref _attempts)), ("others_p50_ms", Percentile(0.5)), ("others_p99_ms", Percentile(0.99)), ("resident_kib", run.Server.ResidentKiB()));
        await Measure("after", run.Seconds);
    }

    public void Opened(Client client)
    {
        client.SendConnect(Devices.ThingOf(client.Number));
    }

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        var state = (State)client.Tag!;
        if (header == 0x20)
        {
            if (body[1] != 0)
            {
                client.Close();
                return;
            }
            (state.IsOpen, state.Pause) = (true, FirstPause);
            Interlocked.Increment(ref _open);
            int attempt = state.Attempt;
            client.Poller.After(_heartbeat * Jitter(), () => Beat(client, attempt));
        }
        else if (header == 0x40)
        {
            client.Poller.Samples.Add(Stopwatch.GetElapsedTime(state.SentAt).TotalMicroseconds);
            client.Poller.After(0.1, () => Publish(client));
        }
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
        Interlocked.Increment(ref _beats);
        client.Poller.After(_heartbeat, () => Beat(client, attempt));
    }

    private static void Publish(Client client)
    {
        var state = (State)client.Tag!;
        if (!state.IsOpen) return;
        state.SentAt = Stopwatch.GetTimestamp();
        client.Send(state.Publish);
    }

    private async Task Measure(string name, double seconds)
    {
        _witness.Samples.Clear();
        var (cpu, beats) = (run.Server.CpuMicroseconds(), Interlocked.Read(ref _beats));
        await Run.Wait(seconds);
        Console.Write($"{name} ");
        Run.Print(("open", Volatile.Read(ref _open)), ("heartbeats_per_s", (Interlocked.Read(ref _beats) - beats) / seconds),
            ("cpu_percent", (run.Server.CpuMicroseconds() - cpu) / seconds / 10_000), ("others_p50_ms", Percentile(0.5)), ("others_p99_ms", Percentile(0.99)));
    }

    private async Task<double> AllOpen(int count, long start)
    {
        while (Volatile.Read(ref _open) < count)
        {
            if (Stopwatch.GetElapsedTime(start).TotalMinutes > 4) throw new TimeoutException($"{_open} of {count} are back.");
            await Run.Wait(0.01);
        }
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private double Percentile(double share) => Samples.Percentile([_witness.Samples], share) / 1_000;

    private double Jitter()
    {
        lock (_random) return _random.NextDouble();
    }

    private static State NewState(int number)
    {
        byte[] Packet(string topic, bool acknowledged, string payload)
        {
            byte[] name = Encoding.ASCII.GetBytes($"fleet/{Devices.ThingOf(number)}/{topic}"), body = Encoding.ASCII.GetBytes(payload);
            byte[] id = acknowledged ? [0, 1] : [];
            return [(byte)(acknowledged ? 0x32 : 0x30), (byte)(2 + name.Length + id.Length + body.Length), 0, (byte)name.Length, .. name, .. id, .. body];
        }
        return new State { Heartbeat = Packet("heartbeat", false, """{"periodSeconds":10}"""), Publish = Packet("telemetry", true, new string('x', 64)) };
    }
}
