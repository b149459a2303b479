using System.Globalization;
using Fleet.Mqtt;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>The clients of a world, and what they do of their own accord.</summary>
internal sealed class Population
{
    /// <summary>How long clients publish after nothing fails any more.</summary>
    private static readonly TimeSpan PublishOn = TimeSpan.FromSeconds(5);

    private readonly GatewayWorld _world;
    private readonly Random _random;
    private readonly List<SimulatedClient> _clients = [];
    private TimeSpan? _calmAt;

    /// <param name="calm">Clients that stay where they are, instead of some that wander; 0: as the seed says.</param>
    public Population(GatewayWorld world, int calm)
    {
        (_world, _random) = (world, SeedStreams.Of(world.Seed, "population"));
        for (int i = 0; i < calm; i++)
            _clients.Add(new(world, string.Create(CultureInfo.InvariantCulture, $"device-{i}"), 3_600, [("1/a", Qos.AtLeastOnce)]));
        if (calm > 0) return;
        int wanderers = _random.Next(2, 5);
        bool shares = _random.Next(2) == 0;
        for (int i = 0; i < wanderers; i++)
        {
            List<(string, Qos)> filters = [.. Topics.Plain.Where(_ => _random.Next(2) == 0).Select(topic => (topic, Topics.QosOf(topic)))];
            if (filters.Count == 0) filters.Add(("2/a", Qos.ExactlyOnce));
            if (shares && i < 2) filters.Add((Topics.SharedFilter, Qos.ExactlyOnce));
            uint expiry = _random.Next(4) == 0 ? 0u : 3_600;
            _clients.Add(new(world, string.Create(CultureInfo.InvariantCulture, $"client-{i}"), expiry, [.. filters]));
        }
        _clients.Add(new(world, Watcher, 3_600, [(Topics.Wills, Qos.AtLeastOnce)]));
    }

    /// <summary>Hears of wills, and goes nowhere of its own accord.</summary>
    public const string Watcher = "watcher";

    public IReadOnlyList<SimulatedClient> Clients => _clients;

    public bool IsPublishing => !_world.IsCalm || _world.Clock.Elapsed - (_calmAt ??= _world.Clock.Elapsed) < PublishOn;

    public void Begin()
    {
        foreach (var client in _clients)
        {
            _world.Outside.After(_random.UpTo(2), client.PowerOn);
            if (client.Id == Watcher || _world.GatewayFaults == GatewayFaults.None) continue;
            Publish(client);
            Move(client);
        }
    }

    /// <summary>A gateway's process is no more: its clients hear so at once, or, when its machine is gone too, find out.</summary>
    public void Lose(GatewayProcess gateway)
    {
        bool isHeard = _world.GatewayFaults == GatewayFaults.None || _random.Next(3) > 0;
        foreach (var road in _world.Roads.Where(road => road.Gateway == gateway))
        {
            if (isHeard) road.CloseToClient();
            else road.Lose();
        }
    }

    private void Publish(SimulatedClient client) => _world.Outside.After(TimeSpan.FromMilliseconds(_random.Next(20, 1_500)), () =>
    {
        if (!IsPublishing) return;
        int kind = _random.Next(10);
        string topic = kind == 0 ? _random.Pick<string>(Topics.Retained) : kind == 1 ? Topics.Shared : _random.Pick<string>(Topics.Plain);
        for (int i = _random.Next(1, 4); i > 0; i--) client.Publish(topic);
        Publish(client);
    });

    private void Move(SimulatedClient client)
    {
        double perMinute = Math.Max(0.1, _world.GatewayFaults.Moves);
        _world.Outside.After(TimeSpan.FromMinutes(-Math.Log(1 - _random.NextDouble()) / perMinute), () =>
        {
            if (_world.IsCalm) return;
            client.Move();
            Move(client);
        });
    }
}
