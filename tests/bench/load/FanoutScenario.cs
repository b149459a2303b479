using System.Diagnostics;
using System.Text;

namespace Fleet.Load;

/// <summary>
/// What does one publish to many subscribers cost? Either the next is published when all have had it, or the publisher has so many at QoS 1 in
/// flight and waits for its acknowledgements alone. Plain port. The cost of a publish is that of a delivery, times the subscribers: what was
/// dropped does not count.
/// </summary>
internal static class FanoutScenario
{
    public static async Task Execute(Run run)
    {
        var loads = new FanoutLoad[run.Sides.Length];
        for (int i = 0; i < loads.Length; i++) loads[i] = await FanoutLoad.Open(run, run.Sides[i]);
        await Turns.Measure(loads, run.Warmup, run.Seconds, load => ((FanoutLoad)load).Latencies());
    }
}

internal sealed class FanoutLoad(Side side, int qos, int subscribers, int inFlight) : IScenario, ILoad
{
    /// <summary>So long after the last delivery, what is missing was dropped.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(0.2);

    private static readonly byte[] Topic = Encoding.ASCII.GetBytes("bench/all");
    private readonly Samples _samples = new();
    private int _open, _waiting, _free = Math.Max(inFlight, 1);
    private long _sentAt, _published, _delivered, _deliveredAt;
    private Client? _publisher;
    private volatile bool _held = true;

    public Side Side => side;
    public double Done => (double)Interlocked.Read(ref _delivered) / subscribers;

    public bool IsQuiet => Volatile.Read(ref _free) == Math.Max(inFlight, 1) && (Interlocked.Read(ref _delivered) >= Interlocked.Read(ref _published) * subscribers
        || Stopwatch.GetElapsedTime(Interlocked.Read(ref _deliveredAt)) > Silence);

    public static async Task<FanoutLoad> Open(Run run, Side side)
    {
        var load = new FanoutLoad(side, run.Number("qos", 0), run.Number("subscribers", 1_000), run.Number("inflight", 0));
        await run.OpenAll(load, run.Number("subscribers", 1_000) + 1, () => Volatile.Read(ref load._open), side: side);
        return load;
    }

    public (string, double)[] Latencies() =>
        inFlight > 0 ? [] : [("all_p50_us", Samples.Percentile([_samples], 0.5)), ("all_p99_us", Samples.Percentile([_samples], 0.99))];

    public void Go()
    {
        _held = false;
        _publisher!.Poller.Post(Publish);
    }

    public void Hold() => _held = true;

    public void Opened(Client client) => client.SendConnect($"f-{client.Number}");

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        switch (header >> 4)
        {
            case 2 when client.Number < subscribers:
                client.Send((byte[])[0x82, (byte)(5 + Topic.Length), 0, 1, 0, (byte)Topic.Length, .. Topic, (byte)qos]);
                break;
            case 2:
                _publisher = client;
                Interlocked.Increment(ref _open);
                break;
            case 9:
                Interlocked.Increment(ref _open);
                break;
            case 4 when inFlight > 0:
                Interlocked.Increment(ref _free);
                Publish();
                break;
            case 3:
                if (qos > 0) client.Send([0x40, 2, body[2 + Topic.Length], body[3 + Topic.Length]]);
                Interlocked.Increment(ref _delivered);
                Interlocked.Exchange(ref _deliveredAt, Stopwatch.GetTimestamp());
                if (inFlight == 0 && Interlocked.Decrement(ref _waiting) == 0) _publisher!.Poller.Post(AllHaveIt);
                break;
        }
    }

    public void ReadOver(Client client)
    {
    }

    public void Closed(Client client) => throw new InvalidDataException($"The server closed connection {client.Number}.");

    private void AllHaveIt()
    {
        _samples.Add(Stopwatch.GetElapsedTime(_sentAt).TotalMicroseconds);
        Interlocked.Increment(ref _free);
        Publish();
    }

    private void Publish()
    {
        while (!_held && _free > 0)
        {
            Interlocked.Decrement(ref _free);
            long number = Interlocked.Increment(ref _published);
            _sentAt = Stopwatch.GetTimestamp();
            Volatile.Write(ref _waiting, subscribers);
            int publishedWith = inFlight > 0 ? 1 : qos;
            byte[] id = publishedWith > 0 ? [0, (byte)(1 + (number % 100))] : [];
            _publisher!.Send((byte[])[(byte)(0x30 | (publishedWith << 1)), (byte)(2 + Topic.Length + id.Length + 64), 0, (byte)Topic.Length, .. Topic, .. id, .. new byte[64]]);
        }
    }
}
