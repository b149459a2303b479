using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>Between a client and a gateway: bytes either way, in order and late, until one end closes it or it breaks.</summary>
internal sealed class Road
{
    private readonly GatewayWorld _world;
    private readonly SimulatedClient _client;
    private SimulatedConnection? _connection;
    private TimeSpan _lastToClient, _lastToGateway;
    private bool _isLost;

    public Road(GatewayWorld world, SimulatedClient client, GatewayProcess gateway)
    {
        (_world, _client, Gateway) = (world, client, gateway);
        world.Roads.Add(this);
        int number = world.Roads.Count;
        gateway.Time.Post(() =>
        {
            if (gateway.IsOpen) _connection = new(gateway, this, number);
            else CloseToClient();
        });
    }

    public SimulatedClient Client => _client;
    public GatewayProcess Gateway { get; }

    /// <summary>Of the gateway, when the client was let in.</summary>
    public string GatewayId { get; private set; } = "";

    /// <summary>When the client was let in, somebody was there to hear of its will.</summary>
    public bool IsWatched { get; private set; }

    /// <summary>What the client left with its CONNECT; null: no will.</summary>
    public string? Will { get; set; }

    /// <summary>The client has sent DISCONNECT, whether or not it has arrived.</summary>
    public bool SaidGoodbye { get; set; }

    /// <summary>When the gateway closed it.</summary>
    public TimeSpan ClosedAt { get; private set; }

    /// <summary>The gateway's end; null before it is there.</summary>
    public SimulatedConnection? Connection => _connection;

    public void ToGateway(byte[] bytes) => Later(ref _lastToGateway, () => _connection?.Receive(bytes));

    public void ToClient(byte[] bytes) => Later(ref _lastToClient, () => _client.Receive(this, bytes));

    public void CloseToClient()
    {
        ClosedAt = _world.Clock.Elapsed;
        Later(ref _lastToClient, () => _client.Closed(this));
    }

    public void Open() => (IsWatched, GatewayId) = (_world.IsWatched, Gateway.Id);

    /// <summary>The client closes it.</summary>
    public void Close() => Later(ref _lastToGateway, () => _connection?.Lose());

    /// <summary>Nothing arrives any more, either way, and nobody is told.</summary>
    public void Lose() => _isLost = true;

    private void Later(ref TimeSpan last, Action arrives)
    {
        var at = _world.Clock.Elapsed + TimeSpan.FromMilliseconds(_world.Random.Next(1, _world.GatewayFaults.RoadMilliseconds + 1));
        last = at > last ? at : last;
        _world.Outside.After(last - _world.Clock.Elapsed, () =>
        {
            if (!_isLost) arrives();
        });
    }
}
