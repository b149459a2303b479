using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>What happens to processes: gateways and silos are killed, cut off, stopped, started, and their clocks are set.</summary>
internal sealed class Disturbances
{
    private readonly GatewayWorld _world;
    private readonly Random _random;
    private int _replacing;
    private bool _isOver;

    public Disturbances(GatewayWorld world)
    {
        (_world, _random) = (world, SeedStreams.Of(world.Seed, "disturbances"));
        Wanted = _random.Next(2, 5);
    }

    /// <summary>Gateways.</summary>
    public int Wanted { get; }

    public void Begin()
    {
        var faults = _world.GatewayFaults;
        Every(faults.Kills, Kill);
        Every(faults.Stops, Stop);
        Every(faults.Cuts, Cut);
        Every(faults.SiloKills, KillSilo);
        Every(faults.ClockJumps, Jump);
    }

    public void End() => _isOver = true;

    /// <summary>
    /// Its machine starts another: under its name, at once or after a while, or somewhere else. When nothing fails, those that are left do.
    /// </summary>
    public void Replace(GatewayProcess ended)
    {
        if (_world.GatewayFaults == GatewayFaults.None && _world.Living.Any()) return;
        if (_world.Living.Count() + _replacing >= Wanted) return;
        _replacing++;
        string? name = _random.Next(2) == 0 ? ended.Name : null;
        _world.Outside.After(_random.UpTo(_random.Next(3) == 0 ? 20 : 2), () =>
        {
            _replacing--;
            _world.StartGateway(name);
        });
    }

    private void Kill()
    {
        if (Another() is not { } gateway) return;
        _world.Tell(gateway.Label, () => "is killed");
        gateway.Kill();
    }

    private void Stop()
    {
        if (Another() is not { IsOpen: true } gateway) return;
        _world.Tell(gateway.Label, () => "stops");
        gateway.Stop();
    }

    private void Cut()
    {
        if (Another() is not { IsOpen: true, IsCutOff: false } gateway) return;
        _world.Tell(gateway.Label, () => "is cut off");
        gateway.IsCutOff = true;
        _world.Outside.After(_random.UpTo(25), () =>
        {
            if (gateway.IsCutOff) _world.Tell(gateway.Label, () => "is reached again");
            gateway.IsCutOff = false;
        });
    }

    private void KillSilo()
    {
        if (_world.Silo.IsDead) return;
        _world.Tell("silo", () => "is killed");
        _world.Silo.Kill();
        _world.Outside.After(_random.UpTo(8), _world.StartSilo);
    }

    private void Jump()
    {
        var most = TimeSpan.FromMinutes(_random.Next(3) == 0 ? 20 : 1);
        var by = _random.Between(TimeSpan.FromSeconds(1), most) * (_random.Next(2) == 0 ? 1 : -1);
        if (_random.Next(2) == 0)
        {
            _world.Tell("silo", () => $"has its clock set by {by}");
            _world.Silo.Time.WallOffset += by;
        }
        else if (_world.PickOpen(_random) is { } gateway)
        {
            _world.Tell(gateway.Label, () => $"has its clock set by {by}");
            gateway.Time.WallOffset += by;
        }
    }

    /// <summary>One that is not the last.</summary>
    private GatewayProcess? Another() =>
        _world.Living.ToArray() is { Length: > 1 } living ? _random.Pick<GatewayProcess>(living) : null;

    /// <summary>At random moments, until the faults end.</summary>
    private void Every(double perMinute, Action action)
    {
        if (perMinute == 0) return;
        _world.Outside.After(TimeSpan.FromMinutes(-Math.Log(1 - _random.NextDouble()) / perMinute), () =>
        {
            if (_isOver) return;
            action();
            Every(perMinute, action);
        });
    }
}
