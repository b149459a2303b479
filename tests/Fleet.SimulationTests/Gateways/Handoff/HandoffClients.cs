namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>One connection, as both of its ends see it: packets take their time, and keep their order.</summary>
internal sealed class SimulatedConnection(HandoffWorld world, SimulatedClient client, string id)
{
    private readonly int _latency = world.Turns.Between(1, 30);
    private HandoffGateway? _gateway;
    private SimulatedSession? _session;

    public string Id => id;
    public SimulatedClient Client => client;
    public bool IsAccepted { get; private set; }
    public bool IsBroken { get; private set; }

    public void Accepted(HandoffGateway gateway, SimulatedSession session, bool present)
    {
        (_gateway, _session, IsAccepted) = (gateway, session, true);
        ToClient(() => client.Accepted(present));
    }

    public void Publish(ushort packetId, string text) => ToClient(() =>
    {
        client.Receive(packetId, text);
        ToGateway(() => _gateway!.PubRec(_session!, this, packetId));
    });

    public void PubRel(ushort packetId) => ToClient(() =>
    {
        client.Release(packetId);
        ToGateway(() => _gateway!.PubComp(_session!, this, packetId));
    });

    /// <summary>Either end, or the network: both notice.</summary>
    public void Break()
    {
        if (IsBroken) return;
        IsBroken = true;
        if (_session is not null) HandoffGateway.Disconnected(_session, this);
    }

    private void ToClient(Action deliver) => world.Turns.After(_latency, () =>
    {
        if (!IsBroken) deliver();
    });

    private void ToGateway(Action deliver) => world.Turns.After(_latency, () =>
    {
        if (!IsBroken && _gateway!.IsAlive) deliver();
    });
}

/// <summary>A client with a session that outlives its connections: it wanders, loses its patience and turns back.</summary>
internal sealed class SimulatedClient(HandoffWorld world, string key)
{
    private readonly HashSet<ushort> _unreleased = [];
    private readonly Dictionary<string, int> _last = [];
    private SimulatedConnection? _connection;

    public string Key => key;
    public HashSet<string> Received { get; } = [];

    /// <summary>It has a session, wherever that is.</summary>
    public bool HasSession { get; private set; }
    public bool IsConnected => _connection is { IsAccepted: true, IsBroken: false };

    /// <summary>A connection to another gateway, or to the same, now and then without a word to the one before.</summary>
    public void Wander()
    {
        if (world.Pick() is { } gateway)
        {
            if (_connection is { } before && world.Turns.Chance(0.7)) before.Break();
            var connection = _connection = new SimulatedConnection(world, this, $"{key}-{world.NextNumber()}");
            _ = world.Start(gateway.Connect(connection), connection.Break);
        }
        world.Turns.After(world.Turns.Pick<int>([10, 200, 1_000, 5_000, 20_000]), () =>
        {
            if (!world.IsEnding) Wander();
        });
    }

    /// <summary>Connects until it is let in, and stays.</summary>
    public void Settle()
    {
        if (!IsConnected && world.Pick() is { } gateway)
        {
            _connection?.Break();
            var connection = _connection = new SimulatedConnection(world, this, $"{key}-{world.NextNumber()}");
            _ = world.Start(gateway.Connect(connection), connection.Break);
        }
        world.Turns.After(21_000, Settle);
    }

    public void Accepted(bool present)
    {
        if (HasSession && !present) throw new HandoffException($"{key}: the session is lost");
        if (!present) _unreleased.Clear();
        HasSession = true;
    }

    public void Receive(ushort packetId, string text)
    {
        world.Log(key, $"receives {text} as {packetId}{(_unreleased.Contains(packetId) ? " again" : "")}");
        if (!_unreleased.Add(packetId)) return;
        if (!Received.Add(text))
        {
            if (world.MayRepeat.Contains(text)) return;
            throw new HandoffException($"{key}: {text} comes twice");
        }
        var (publisher, number) = (text[..text.IndexOf(':')], int.Parse(text[(text.IndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        if (_last.GetValueOrDefault(publisher, -1) > number) throw new HandoffException($"{key}: {text} comes after {_last[publisher]}");
        _last[publisher] = number;
    }

    public void Release(ushort packetId) => _unreleased.Remove(packetId);
}
