using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace Fleet.Load;

/// <summary>What does a QoS 1 publish of 64 bytes cost, with so many in flight per connection and nobody subscribed?</summary>
internal sealed class PublishScenario(Run run) : IScenario
{
    private const int PayloadBytes = 64;
    private readonly int _inFlight = run.Number("inflight", 1);
    private int _open;
    private volatile bool _going;

    private sealed class Publisher(byte[] packet, int idAt, long[] sentAt)
    {
        public byte[] Packet => packet;
        public int IdAt => idAt;
        public long[] SentAt => sentAt;
        public int Ready { get; set; }
    }

    public async Task Execute()
    {
        var clients = await run.OpenAll(this, run.Connections, () => Volatile.Read(ref _open));
        _going = true;
        foreach (var client in clients) client.Poller.Post(() => Begin(client));
        await Run.Wait(run.Warmup);
        foreach (var poller in run.Pollers) poller.Samples.Clear();
        var (before, cpu, start) = (run.Pollers.Sum(p => p.Done), run.Server.CpuMicroseconds(), Stopwatch.GetTimestamp());
        await Run.Wait(run.Seconds);
        double count = run.Pollers.Sum(p => p.Done) - before;
        Run.Print(
            ("cpu_us", (run.Server.CpuMicroseconds() - cpu) / count), ("per_s", count / Stopwatch.GetElapsedTime(start).TotalSeconds),
            ("p50_us", Samples.Percentile(run.Pollers.Select(p => p.Samples), 0.5)), ("p99_us", Samples.Percentile(run.Pollers.Select(p => p.Samples), 0.99)),
            ("resident_kib", run.Server.ResidentKiB()));
    }

    public void Opened(Client client) => client.SendConnect(Devices.ThingOf(client.Number));

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        if (header == 0x20)
        {
            if (body[1] != 0) throw new InvalidDataException($"CONNACK says {body[1]}.");
            Interlocked.Increment(ref _open);
            return;
        }
        if (header != 0x40) return;
        var publisher = (Publisher)client.Tag!;
        int id = BinaryPrimitives.ReadUInt16BigEndian(body);
        client.Poller.Done++;
        client.Poller.Samples.Add(Stopwatch.GetElapsedTime(publisher.SentAt[id - 1]).TotalMicroseconds);
        Write(client, publisher, id);
    }

    /// <summary>As many as were acknowledged go out in one write.</summary>
    public void ReadOver(Client client)
    {
        if (client.Tag is not Publisher { Ready: > 0 } publisher) return;
        client.Send(client.Poller.WriteBuffer.AsSpan(0, publisher.Ready * publisher.Packet.Length));
        publisher.Ready = 0;
    }

    public void Closed(Client client)
    {
        if (_going) throw new InvalidDataException($"The server closed connection {client.Number}.");
    }

    private void Begin(Client client)
    {
        byte[] topic = Encoding.ASCII.GetBytes($"fleet/{Devices.ThingOf(client.Number)}/telemetry");
        byte[] packet = [0x32, (byte)(4 + topic.Length + PayloadBytes), 0, (byte)topic.Length, .. topic, 0, 0, .. new byte[PayloadBytes]];
        var publisher = new Publisher(packet, 4 + topic.Length, new long[_inFlight]);
        client.Tag = publisher;
        for (int id = 1; id <= _inFlight; id++) Write(client, publisher, id);
        ReadOver(client);
    }

    private static void Write(Client client, Publisher publisher, int id)
    {
        var into = client.Poller.WriteBuffer.AsSpan(publisher.Ready * publisher.Packet.Length);
        publisher.Packet.CopyTo(into);
        BinaryPrimitives.WriteUInt16BigEndian(into[publisher.IdAt..], (ushort)id);
        publisher.SentAt[id - 1] = Stopwatch.GetTimestamp();
        publisher.Ready++;
    }
}
