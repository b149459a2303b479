using System.Diagnostics;

namespace Fleet.Load;

/// <summary>What does it cost to come in? TLS alone, or up to CONNACK; anew, or with the ticket of the time before. So many at a time, again and again.</summary>
internal sealed class HandshakeScenario(Run run) : IScenario
{
    private readonly bool _mqtt = run.Number("mqtt", 0) != 0, _resume = run.Number("resume", 0) != 0;
    private long _refused;
    private long _resumed;

    public async Task Execute()
    {
        for (int i = 0; i < run.Connections; i++)
        {
            var client = run.NewClient(i, this, _resume);
            client.Poller.Post(client.Connect);
        }
        await Run.Wait(run.Warmup);
        foreach (var poller in run.Pollers) poller.Samples.Clear();
        var (before, cpu, start) = (run.Pollers.Sum(p => p.Done), run.Server.CpuMicroseconds(), Stopwatch.GetTimestamp());
        Interlocked.Exchange(ref _resumed, 0);
        Interlocked.Exchange(ref _refused, 0);
        await Run.Wait(run.Seconds);
        double count = run.Pollers.Sum(p => p.Done) - before;
        Run.Print(
            ("cpu_us", (run.Server.CpuMicroseconds() - cpu) / count), ("per_s", count / Stopwatch.GetElapsedTime(start).TotalSeconds),
            ("resumed", Interlocked.Read(ref _resumed) / count), ("refused", Interlocked.Read(ref _refused)));
    }

    public void Opened(Client client)
    {
        client.Tag = this;
        if (client.WasResumed) Interlocked.Increment(ref _resumed);
        if (_mqtt) client.SendConnect(Devices.ThingOf(client.Number));
    }

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        if (header != 0x20 || body[1] != 0)
        {
            Interlocked.Increment(ref _refused);
            client.Close();
            return;
        }
        client.Poller.Done++;
        client.Tag = null;
        client.Send([0xE0, 0]);
        client.Close();
    }

    /// <summary>The ticket came, so the server is through with the handshake.</summary>
    public void ReadOver(Client client)
    {
        if (_mqtt) return;
        client.Poller.Done++;
        client.Tag = null;
        client.Close();
    }

    public void Closed(Client client)
    {
        if (client.Tag is not null) Interlocked.Increment(ref _refused);
        client.Poller.Post(client.Connect);
    }
}
