using System.Buffers;
using System.Globalization;
using System.Text;
using Fleet.Mqtt;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// A client of MQTT 5.0 as a good one is: it keeps its session across connections, sends again what was not acknowledged, pings, and comes
/// again when it is refused. It wanders from gateway to gateway.
/// </summary>
internal sealed class SimulatedClient
{
    public const ushort KeepAliveSeconds = 20;

    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(25), PingEvery = TimeSpan.FromSeconds(7);

    /// <summary>For an answer to anything else.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly GatewayWorld _world;
    private readonly Random _random;
    private readonly (string Filter, Qos Qos)[] _filters;
    private readonly ClientSession _session;
    private readonly List<VirtualClock.Timer> _timers = [];
    private ReadOnlySequence<byte> _input;
    private Road? _road;

    /// <summary>Where it was let in last, and what it has tried since: a gateway that lets nobody in may have had its session.</summary>
    private readonly List<Road> _roads = [];

    /// <summary>Until when it was let in there, in the world's order of events.</summary>
    private long _partedAt;
    private bool _isConnected, _isSubscribed, _startsClean, _wantsClean;
    private int _failures;
    private TimeSpan _heardAt;

    public SimulatedClient(GatewayWorld world, string id, uint expirySeconds, (string Filter, Qos Qos)[] filters)
    {
        (_world, Id, ExpirySeconds, _filters) = (world, id, expirySeconds, filters);
        _random = SeedStreams.Of(world.Seed, id);
        ReceiveMaximum = (ushort)_random.Next(1, 20);
        WillDelaySeconds = _random.Next(2) == 0 ? 0 : (uint)_random.Next(1, 10);
        HasWill = _random.Next(2) == 0;
        _session = new ClientSession(world, this);
    }

    public string Id { get; }
    public uint ExpirySeconds { get; }
    public ushort ReceiveMaximum { get; }
    public uint WillDelaySeconds { get; }
    public bool HasWill { get; }

    /// <summary>As the service names its session.</summary>
    public string Key => $"plain/{Id}";

    /// <summary>It is where it wants to be, and has nothing to wait for.</summary>
    public bool IsSettled => _isConnected && _isSubscribed && _session.IsIdle;

    public bool HasSubscribed => _session.IsSubscribed;

    /// <summary>Null while it is not connected.</summary>
    public GatewayProcess? At => _isConnected ? _road!.Gateway : null;

    public Road? Road => _road;

    /// <summary>When it was let in last.</summary>
    public TimeSpan LetInAt { get; private set; }

    public void PowerOn() => Connect();

    /// <summary>Something that a client does of its own accord.</summary>
    public void Move()
    {
        // Nobody could say whether a CONNECT that starts clean came before or after the next.
        if (_road is null || (_startsClean && !_isConnected)) return;
        bool breaks = !_isConnected || _random.Chance(_world.GatewayFaults.Breaks);
        if (!breaks)
        {
            Say("says goodbye");
            _road.ToGateway(ClientPackets.Disconnect());
            _road.SaidGoodbye = true;
        }
        _wantsClean |= _random.Chance(_world.GatewayFaults.CleanStarts);
        // Half of those who break leave a road behind that the gateway takes for open.
        Part(isTold: !breaks || _random.Next(2) == 0);
        After(_random.UpTo(_random.Next(3)), Connect);
    }

    public void Publish(string topic)
    {
        if (_isConnected && _isSubscribed && _session.HasRoom) _session.Publish(topic);
    }

    public void Send(byte[] bytes) => _road?.ToGateway(bytes);

    public void Say(string what) => _world.Tell(Id, () => what);

    /// <summary>The road has been closed at its other end.</summary>
    public void Closed(Road road)
    {
        if (road != _road) return;
        Say("is cut off");
        Part(isTold: true);
        ConnectLater();
    }

    public void Receive(Road road, byte[] bytes)
    {
        if (road != _road) return;
        _heardAt = _world.Clock.Elapsed;
        _input = new ReadOnlySequence<byte>([.. _input.ToArray(), .. bytes]);
        while (road == _road && Framing.TryRead(ref _input, int.MaxValue, out var packet)) Handle(packet);
    }

    private void Connect()
    {
        if (_road is not null) return;
        if (_world.PickOpen(_random) is not { } gateway)
        {
            ConnectLater();
            return;
        }
        _startsClean = _wantsClean || !_session.Exists;
        if (_startsClean) _session.Forsake();
        _roads.Add(_road = new Road(_world, this, gateway));
        _input = default;
        Say($"connects to {gateway.Label}{(_startsClean ? ", clean" : "")}");
        string? will = _road.Will = HasWill ? string.Create(CultureInfo.InvariantCulture, $"{Id}/{_world.Roads.Count}") : null;
        _road.ToGateway(ClientPackets.Connect(this, _startsClean, will));
        After(ConnectPatience, () => GiveUp("waits too long for CONNACK"));
    }

    private void ConnectLater()
    {
        // As the fleet's devices: between nothing and a bound that doubles from a second to half a minute.
        double bound = Math.Min(30, 1 << Math.Min(_failures++, 5));
        After(TimeSpan.FromSeconds(_random.NextDouble() * bound), Connect);
    }

    private void GiveUp(string why)
    {
        Say(why);
        Part(isTold: true);
        ConnectLater();
    }

    /// <param name="isTold">Whether the gateway hears that the road is closed.</param>
    private void Part(bool isTold)
    {
        foreach (var timer in _timers) timer.Dispose();
        _timers.Clear();
        if (_isConnected) _partedAt = _world.Order;
        if (isTold) _road?.Close();
        else _road?.Lose();
        (_road, _isConnected, _isSubscribed) = (null, false, false);
    }

    private void Ping()
    {
        if (_world.Clock.Elapsed - _heardAt > Patience || _session.WaitsSince < _world.Clock.Elapsed - Patience)
        {
            GiveUp("hears nothing");
            return;
        }
        Send(ClientPackets.Ping);
        After(PingEvery, Ping);
    }

    private void Handle(in Packet packet)
    {
        switch (packet.Type)
        {
            case PacketType.ConnAck:
                var answer = ConnAckPacket.Parse(packet, MqttVersion.V5);
                if (answer.ReasonCode == ReasonCode.Success) LetIn(answer.SessionPresent);
                else GiveUp($"is refused: {answer.ReasonCode}");
                break;
            case PacketType.SubAck:
                Subscribed(SubAckPacket.Parse(packet, MqttVersion.V5).ReasonCodes.ToArray());
                break;
            case PacketType.Publish:
                var publish = PublishPacket.Parse(packet, MqttVersion.V5, Sender.Server);
                _session.Receive(
                    Encoding.UTF8.GetString(publish.Topic), Encoding.UTF8.GetString(publish.Payload), publish.Qos, publish.PacketId,
                    publish.Duplicate, publish.Retain);
                break;
            case PacketType.Disconnect:
                Say($"is told to go: {DisconnectPacket.Parse(packet, MqttVersion.V5, Sender.Server).ReasonCode}");
                break;
            case PacketType.PingResp:
                break;
            default:
                var ack = AckPacket.Parse(packet, MqttVersion.V5);
                _session.Acknowledged(ack.Type, ack.PacketId, ack.ReasonCode);
                break;
        }
    }

    private void LetIn(bool isPresent)
    {
        Say($"is let in{(isPresent ? ", its session is there" : "")}");
        _world.Checks.Demand(!isPresent || !_startsClean, $"{Id} started clean, and its session is there");
        _world.Checks.Demand(isPresent || _startsClean || ExpirySeconds == 0, $"{Id} has lost its session");
        foreach (var timer in _timers) timer.Dispose();
        _timers.Clear();
        (_isConnected, _wantsClean, _failures) = (true, false, 0);
        LetInAt = _world.Clock.Elapsed;
        _heardAt = _world.Clock.Elapsed;
        long? rescuedFrom = _roads.Select((road, i) => _world.Checks.DiedAt(road.GatewayId) is not { } died ? (long?)null
            : i == 0 ? Math.Min(died, _partedAt) : died).Min();
        _roads.Clear();
        _roads.Add(_road!);
        if (isPresent) _session.Resume(rescuedFrom);
        else _session.Begin(ExpirySeconds > 0, rescuedFrom);
        _road!.Open();
        _isSubscribed = isPresent && _session.IsSubscribed;
        if (!_isSubscribed) Send(ClientPackets.Subscribe(_session.SubscribeId, _filters));
        After(PingEvery, Ping);
    }

    private void Subscribed(ReasonCode[] codes)
    {
        if (codes.Any(code => code >= ReasonCode.UnspecifiedError))
        {
            Say("is refused its subscriptions");
            After(TimeSpan.FromSeconds(1), () => Send(ClientPackets.Subscribe(_session.SubscribeId, _filters)));
            return;
        }
        _isSubscribed = true;
        _session.Subscribed(_filters);
    }

    private void After(TimeSpan delay, Action action) => _timers.Add(_world.Outside.After(delay, action));
}
