using System.Diagnostics;
using System.Text;

namespace Fleet.Load;

/// <summary>
/// What does one publish to many subscribers cost? Either the next is published when all have had it, or the publisher has so many at QoS 1 in
/// flight and waits for its acknowledgements alone. Plain port. The cost of a publish is that of a delivery, times the subscribers: what was
/// dropped does not count.
/// </summary>
internal sealed class FanoutScenario(Run run) : IScenario
{
    private static readonly byte[] Topic = Encoding.ASCII.GetBytes("bench/all");
    private readonly int _qos = run.Number("qos", 0);
    private readonly int _subscribers = run.Number("subscribers", 1_000);
    private readonly int _inFlight = run.Number("inflight", 0);
    private int _open, _subscribed, _waiting;
    private long _sentAt, _delivered;
    private Client? _publisher;

    public async Task Execute()
    {
        await run.OpenAll(this, _subscribers + 1, () => Volatile.Read(ref _open));
        while (Volatile.Read(ref _subscribed) < _subscribers) await Run.Wait(0.01);
        if (_inFlight == 0) _publisher!.Poller.Post(Publish);
        else _publisher!.Poller.Post(() => { for (int id = 1; id <= _inFlight; id++) Send(1, id); });
        await Run.Wait(run.Warmup);
        foreach (var poller in run.Pollers) poller.Samples.Clear();
        var (before, cpu) = (Interlocked.Read(ref _delivered), run.Server.CpuMicroseconds());
        await Run.Wait(run.Seconds);
        double count = (double)(Interlocked.Read(ref _delivered) - before) / _subscribers;
        Run.Print(
            ("cpu_us", (run.Server.CpuMicroseconds() - cpu) / count), ("per_s", count / run.Seconds),
            ("all_p50_us", Samples.Percentile(run.Pollers.Select(p => p.Samples), 0.5)), ("all_p99_us", Samples.Percentile(run.Pollers.Select(p => p.Samples), 0.99)));
    }

    public void Opened(Client client) => client.SendConnect($"f-{client.Number}");

    public void Received(Client client, byte header, ReadOnlySpan<byte> body)
    {
        switch (header >> 4)
        {
            case 2 when client.Number < _subscribers:
                client.Send((byte[])[0x82, (byte)(5 + Topic.Length), 0, 1, 0, (byte)Topic.Length, .. Topic, (byte)_qos]);
                break;
            case 2:
                _publisher = client;
                Interlocked.Increment(ref _open);
                break;
            case 9:
                Interlocked.Increment(ref _open);
                Interlocked.Increment(ref _subscribed);
                break;
            case 4 when _inFlight > 0:
                Send(1, body[1]);
                break;
            case 3:
                if (_qos > 0) client.Send([0x40, 2, body[2 + Topic.Length], body[3 + Topic.Length]]);
                Interlocked.Increment(ref _delivered);
                if (_inFlight == 0 && Interlocked.Decrement(ref _waiting) == 0) _publisher!.Poller.Post(Publish);
                break;
        }
    }

    public void ReadOver(Client client)
    {
    }

    public void Closed(Client client) => throw new InvalidDataException($"The server closed connection {client.Number}.");

    private void Publish()
    {
        var poller = _publisher!.Poller;
        if (_sentAt != 0)
        {
            poller.Samples.Add(Stopwatch.GetElapsedTime(_sentAt).TotalMicroseconds);
        }
        _sentAt = Stopwatch.GetTimestamp();
        Volatile.Write(ref _waiting, _subscribers);
        Send(_qos, 1);
    }

    private void Send(int qos, int packetId)
    {
        byte[] id = qos > 0 ? [0, (byte)packetId] : [];
        _publisher!.Send((byte[])[(byte)(0x30 | (qos << 1)), (byte)(2 + Topic.Length + id.Length + 64), 0, (byte)Topic.Length, .. Topic, .. id, .. new byte[64]]);
    }
}
