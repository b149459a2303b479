namespace Fleet.Load;

/// <summary>What does it cost to come in? TLS alone, or up to CONNACK; anew, or with the ticket of the time before. So many at a time, again and again.</summary>
internal static class HandshakeScenario
{
    public static Task Execute(Run run) =>
        Turns.Measure([.. run.Sides.Select(side => new HandshakeLoad(run, side))], run.Warmup, run.Seconds, load => ((HandshakeLoad)load).Outcome());
}

internal sealed class HandshakeLoad : IScenario, ILoad
{
    private readonly bool _mqtt;
    private readonly Client[] _clients;
    private long _done, _refused, _resumed;
    private int _busy;
    private volatile bool _held = true;

    public HandshakeLoad(Run run, Side side)
    {
        Side = side;
        _mqtt = run.Number("mqtt", 0) != 0;
        _clients = [.. Enumerable.Range(0, run.Connections).Select(i => run.NewClient(i, this, run.Number("resume", 0) != 0, side: side))];
    }

    public Side Side { get; }
    public double Done => Interlocked.Read(ref _done);
    public bool IsQuiet => Volatile.Read(ref _busy) == 0;

    /// <summary>Of all, the warm-up's too.</summary>
    public (string, double)[] Outcome() => [("resumed", Interlocked.Read(ref _resumed) / Done), ("refused", Interlocked.Read(ref _refused))];

    public void Go()
    {
        _held = false;
        foreach (var client in _clients)
        {
            Interlocked.Increment(ref _busy);
            client.Poller.Post(client.Connect);
        }
    }

    public void Hold() => _held = true;

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
            client.Close();
            return;
        }
        client.Send([0xE0, 0]);
        Finish(client);
    }

    /// <summary>The ticket came, so the server is through with the handshake.</summary>
    public void ReadOver(Client client)
    {
        if (!_mqtt) Finish(client);
    }

    public void Closed(Client client)
    {
        if (client.Tag is not null) Interlocked.Increment(ref _refused);
        if (_held) Interlocked.Decrement(ref _busy);
        else client.Poller.Post(client.Connect);
    }

    private void Finish(Client client)
    {
        Interlocked.Increment(ref _done);
        client.Tag = null;
        client.Close();
    }
}
