using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace Fleet.Load;

/// <summary>What does a QoS 1 publish of 64 bytes cost, with so many in flight per connection and nobody subscribed?</summary>
internal static class PublishScenario
{
    public static async Task Execute(Run run)
    {
        var loads = new PublishLoad[run.Sides.Length];
        for (int i = 0; i < loads.Length; i++) loads[i] = await PublishLoad.Open(run, run.Sides[i]);
        await Turns.Measure(loads, run.Warmup, run.Seconds, load => ((PublishLoad)load).Latencies());
    }
}

internal sealed class PublishLoad(Side side, int inFlight) : IScenario, ILoad
{
    private const int PayloadBytes = 64;
    private readonly Samples _samples = new();
    private Client[] _clients = [];
    private int _open;
    private long _done, _onTheWay;
    private volatile bool _going, _held = true;

    public Side Side => side;
    public double Done => Interlocked.Read(ref _done);
    public bool IsQuiet => Interlocked.Read(ref _onTheWay) == 0;

    private sealed class Publisher(byte[] packet, int idAt, long[] sentAt)
    {
        public byte[] Packet => packet;
        public int IdAt => idAt;
        public long[] SentAt => sentAt;

        /// <summary>Packet identifiers to publish with next.</summary>
        public Stack<int> Free { get; } = new(Enumerable.Range(1, sentAt.Length));
    }

    public static async Task<PublishLoad> Open(Run run, Side side)
    {
        int inFlight = run.Number("inflight", 1);
        var load = new PublishLoad(side, inFlight);
        load._clients = await run.OpenAll(load, run.Connections, () => Volatile.Read(ref load._open), side: side);
        load._going = true;
        return load;
    }

    public (string, double)[] Latencies() =>
        [("p50_us", Samples.Percentile([_samples], 0.5)), ("p99_us", Samples.Percentile([_samples], 0.99)), ("resident_kib", side.Server.ResidentKiB())];

    public void Go()
    {
        _held = false;
        foreach (var client in _clients) client.Poller.Post(() => ReadOver(client));
    }

    public void Hold() => _held = true;

    public void Opened(Client client) => client.SendConnect(Devices.ThingOf(client.Number));

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        if (header == 0x20)
        {
            if (body[1] != 0) throw new InvalidDataException($"CONNACK says {body[1]}.");
            client.Tag = NewPublisher(client.Number);
            Interlocked.Increment(ref _open);
            return;
        }
        if (header != 0x40) return;
        var publisher = (Publisher)client.Tag!;
        int id = BinaryPrimitives.ReadUInt16BigEndian(body);
        _samples.Add(Stopwatch.GetElapsedTime(publisher.SentAt[id - 1]).TotalMicroseconds);
        publisher.Free.Push(id);
        Interlocked.Increment(ref _done);
        Interlocked.Decrement(ref _onTheWay);
    }

    /// <summary>As many as were acknowledged go out in one write.</summary>
    public void ReadOver(Client client)
    {
        if (_held || client.Tag is not Publisher publisher) return;
        int bytes = 0;
        while (publisher.Free.TryPop(out int id))
        {
            var into = client.Poller.WriteBuffer.AsSpan(bytes);
            publisher.Packet.CopyTo(into);
            BinaryPrimitives.WriteUInt16BigEndian(into[publisher.IdAt..], (ushort)id);
            publisher.SentAt[id - 1] = Stopwatch.GetTimestamp();
            Interlocked.Increment(ref _onTheWay);
            bytes += publisher.Packet.Length;
        }
        if (bytes > 0) client.Send(client.Poller.WriteBuffer.AsSpan(0, bytes));
    }

    public void Closed(Client client)
    {
        if (_going) throw new InvalidDataException($"The server closed connection {client.Number}.");
    }

    private Publisher NewPublisher(int number)
    {
        byte[] topic = Encoding.ASCII.GetBytes($"fleet/{Devices.ThingOf(number)}/telemetry");
        byte[] packet = [0x32, (byte)(4 + topic.Length + PayloadBytes), 0, (byte)topic.Length, .. topic, 0, 0, .. new byte[PayloadBytes]];
        return new Publisher(packet, 4 + topic.Length, new long[inFlight]);
    }
}
