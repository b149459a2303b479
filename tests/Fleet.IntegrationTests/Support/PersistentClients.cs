using System.Diagnostics;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Support;

/// <summary>
/// Publishes the numbers from 1 to one topic, a few at a time unacknowledged. What a kill leaves unacknowledged it sends again with DUP and the same
/// packet identifier, or goes on with PUBREL, before anything new [MQTT-4.4.0-1].
/// </summary>
/// <param name="port">Where it connects the next time.</param>
internal sealed class PersistentPublisher(Func<int> port, string name, Qos qos)
{
    private const int Window = 10;

    private readonly SortedDictionary<int, bool> _open = [];
    private int _last;

    public string Topic => $"kill/{name}";
    public Qos Qos => qos;

    /// <summary>All up to here was acknowledged.</summary>
    public int Acknowledged => _open.Count == 0 ? _last : _open.Keys.First() - 1;

    /// <summary>Returns when the connection is over.</summary>
    public async Task PublishUntil(CancellationToken killed)
    {
        try
        {
            await Publish(() => false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The service was killed under it.
        }
        Assert.True(killed.IsCancellationRequested || await Ended(killed), "The connection ended before the kill.");
    }

    /// <summary>Publishes until it is told to stop; what is not acknowledged by then is for <see cref="Finish"/>.</summary>
    public Task PublishUntilStopped(CancellationToken stopped) => Publish(() => stopped.IsCancellationRequested);

    /// <summary>Has everything acknowledged that it has begun.</summary>
    public async Task Finish()
    {
        int last = _last;
        await Publish(() => Acknowledged >= last);
    }

    public override string ToString() => $"{_last} of QoS {(int)qos}";

    /// <summary>A kill is told to the test a moment after the connections hear of it.</summary>
    private static async Task<bool> Ended(CancellationToken killed)
    {
        var told = new TaskCompletionSource();
        await using var registration = killed.Register(told.SetResult);
        await told.Task.WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        return true;
    }

    private async Task Publish(Func<bool> enough)
    {
        await using var client = await RawMqtt.Connect(port(), $"publisher-{name}");
        foreach (var (number, received) in _open)
        {
            if (received) await client.Acknowledge(PacketType.PubRel, IdOf(number));
            else await client.Publish(Topic, $"{number}", qos, IdOf(number), duplicate: true);
        }
        while (!enough())
        {
            while (_open.Count < Window && !enough())
            {
                _open.Add(++_last, false);
                await client.Publish(Topic, $"{_last}", qos, IdOf(_last), duplicate: false);
            }
            if (await client.Next() is not { } answer) return;
            int number = _open.Keys.First(open => IdOf(open) == answer.FirstNumber);
            if (answer.Type == PacketType.PubRec)
            {
                _open[number] = true;
                await client.Acknowledge(PacketType.PubRel, answer.FirstNumber);
            }
            else
            {
                Assert.Equal(qos == Qos.AtLeastOnce ? PacketType.PubAck : PacketType.PubComp, answer.Type);
                _open.Remove(number);
            }
        }
    }

    private static ushort IdOf(int number) => (ushort)((number % 60_000) + 1);
}

/// <summary>Receives with a persistent session, and writes down what it gets: a QoS 2 message once for its packet identifier until PUBREL.</summary>
/// <param name="port">Where it connects the next time.</param>
internal sealed class PersistentSubscriber(Func<int> port, string clientId)
{
    private readonly Dictionary<string, List<(int Number, bool Duplicate)>> _got = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _highest = new(StringComparer.Ordinal);
    private readonly HashSet<ushort> _unreleased = [];
    private readonly Stopwatch _draining = new();
    private RawMqtt? _client;
    private int _drained;

    public string ClientId => clientId;

    public async Task<RawMqtt> Connect() => _client = await RawMqtt.Connect(port(), clientId);

    public async Task Subscribe()
    {
        await _client!.Subscribe("kill/#", Qos.ExactlyOnce);
        while (await _client.Next() is { } packet)
        {
            if (packet.Type == PacketType.SubAck)
            {
                Assert.Equal((byte)Qos.ExactlyOnce, packet.Body[2]);
                return;
            }
            await Handle(packet);
        }
        throw new IOException("The server closed the connection.");
    }

    public async Task ReceiveUntil(CancellationToken killed)
    {
        try
        {
            await using var client = await Connect();
            Assert.True(client.SessionPresent);
            while (await client.Next() is { } packet) await Handle(packet);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The service was killed under it.
        }
    }

    /// <summary>
    /// Takes what waits, until it has the last that each publisher had acknowledged. However long that takes, something has to come all the while.
    /// </summary>
    public async Task ReceiveAll(PersistentPublisher[] publishers)
    {
        await using var client = await Connect();
        Assert.True(client.SessionPresent);
        int before = Count;
        _draining.Start();
        try
        {
            while (publishers.Any(publisher => _highest.GetValueOrDefault(publisher.Topic) < publisher.Acknowledged)
                && await client.Next().WaitAsync(Eventually.Patience) is { } packet) await Handle(packet);
        }
        catch (TimeoutException)
        {
            // What is missing is for Check to say.
        }
        _draining.Stop();
        _drained += Count - before;
    }

    public void Check(PersistentPublisher publisher, string when)
    {
        var got = _got.GetValueOrDefault(publisher.Topic) ?? [];
        // In order: but for what is sent again, which says so, each is the one after the last.
        int last = 0;
        foreach (var (number, duplicate) in got)
        {
            if (number == last + 1) last = number;
            else
            {
                Assert.True(publisher.Qos == Qos.AtLeastOnce, $"{publisher.Topic}: {number} came after {last} at {when}.");
                // A publisher that was not acknowledged says it again, too, and the message is a new one to the server then.
                Assert.True(number <= last, $"{publisher.Topic}: {number} came after {last} ({(duplicate ? "DUP" : "no DUP")}) at {when}.");
            }
        }
        Assert.True(last >= publisher.Acknowledged, $"{publisher.Topic}: {publisher.Acknowledged} was acknowledged, and {last} is the last that came at {when}.");
    }

    public override string ToString() => $"{clientId} got {Count}, {_drained} of them that waited in {_draining.Elapsed.TotalSeconds:0.0} s";

    private int Count => _got.Sum(topic => topic.Value.Count);

    private async Task Handle(RawPacket packet)
    {
        var client = _client!;
        if (packet.Type == PacketType.PubRel)
        {
            _unreleased.Remove(packet.FirstNumber);
            await client.Acknowledge(PacketType.PubComp, packet.FirstNumber);
            return;
        }
        Assert.Equal(PacketType.Publish, packet.Type);
        int topicLength = packet.FirstNumber, qos = (packet.Header >> 1) & 3;
        string topic = Encoding.UTF8.GetString(packet.Body, 2, topicLength);
        ushort packetId = (ushort)((packet.Body[2 + topicLength] << 8) | packet.Body[3 + topicLength]);
        int number = int.Parse(Encoding.UTF8.GetString(packet.Body.AsSpan(4 + topicLength)));
        if (qos == 1 || _unreleased.Add(packetId))
        {
            if (!_got.TryGetValue(topic, out var got)) _got.Add(topic, got = []);
            got.Add((number, (packet.Header & 8) != 0));
            _highest[topic] = Math.Max(_highest.GetValueOrDefault(topic), number);
        }
        await client.Acknowledge(qos == 1 ? PacketType.PubAck : PacketType.PubRec, packetId);
    }
}
