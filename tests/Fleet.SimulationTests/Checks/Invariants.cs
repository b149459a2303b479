using System.Globalization;
using Fleet.Grains.Devices;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Naming;
using Fleet.SimulationTests.World;

namespace Fleet.SimulationTests.Checks;

/// <summary>
/// What must hold at every step. Each record is looked at when it lands, against what stood there before and what truly is.
/// </summary>
internal sealed class Invariants
{
    private readonly SimulatedWorld _world;
    private readonly DeviceChecks _devices;
    private readonly RolloutChecks _rollouts;
    private readonly Dictionary<(string Device, JobId Job), ExecutionKey> _started = [];
    private readonly HashSet<(string Device, ExecutionKey Key)> _installed = [];

    public Invariants(SimulatedWorld world)
    {
        _world = world;
        _devices = new(world, this);
        _rollouts = new(world, this, _devices);
        world.Store.Landed += (grain, before, now) =>
        {
            switch (now)
            {
                case DeviceState device: _devices.Landed(before as DeviceState, device); break;
                case ShardState shard: _rollouts.Landed(grain.Key.ToString(), before as ShardState, shard); break;
                case RolloutState rollout: _rollouts.Landed(before as RolloutState, rollout); break;
            }
        };
    }

    /// <summary>The first that did not hold.</summary>
    public InvariantException? Broken { get; private set; }

    public void Demand(bool holds, FormattableString otherwise)
    {
        if (holds || Broken is not null) return;
        Broken = new InvariantException(FormattableString.Invariant(otherwise));
        _world.History.Add("BROKEN", Broken.Message);
    }

    /// <summary>A device was given an execution.</summary>
    public void Started(SimulatedDevice device, ExecutionKey key, FirmwareVersion version)
    {
        bool again = !_started.TryAdd((device.Name, key.Job), key);
        Demand(!again || _started[(device.Name, key.Job)] == key, $"{device.Name} starts {key} after {_started[(device.Name, key.Job)]}: one device, one job, two attempts");
        Demand(version == VersionOf(key.Job), $"{device.Name} is given {version} by {key}, which is about {VersionOf(key.Job)}");
    }

    /// <summary>A device wrote a version into its slot.</summary>
    public void Installed(SimulatedDevice device, ExecutionKey key, FirmwareVersion version)
    {
        Demand(_installed.Add((device.Name, key)), $"{device.Name} installs twice for {key}");
        Demand(version == VersionOf(key.Job), $"{device.Name} installs {version} for {key}, which is about {VersionOf(key.Job)}");
        Demand(!(version < device.Floor), $"{device.Name} installs {version}, below its floor {device.Floor}");
    }

    public void AtTheEnd()
    {
        _rollouts.AtTheEnd();
        foreach (string reminder in _world.Reminders.Names) Demand(false, $"All is over, and reminder {reminder} goes on for ever");
        if (Broken is { } broken) throw broken;
    }

    /// <summary>How the rollouts stand, for whoever has to find out why.</summary>
    public string Standing() => string.Join('\n', _world.Settings.Rollouts.Select(r => _world.Operators.Stored(r.Id) is { Id: not null } rollout ? Standing(rollout) : $"{r.Id}: not there"));

    /// <summary>Shards that are not over, and the first execution that they wait for.</summary>
    public string OpenShards() => string.Join('\n', _world.Store.All<ShardState>().Where(s => !s.State.IsOver).Select(s => string.Create(
        CultureInfo.InvariantCulture,
        $"Shard {s.Grain.Key} version {s.State.Version}, generation {s.State.Generation}, {s.State.Order}: {s.State.Executions.First(e => e.Outcome is null)}")));

    private static string Standing(RolloutState rollout) => string.Create(CultureInfo.InvariantCulture, $"""
        {rollout.Id}: {rollout.Status} {rollout.StopReason} {rollout.StopDetail}, phase {rollout.Phase}, generation {rollout.Generation}, granted at {rollout.GrantedAt:T}
          {rollout.TargetSize} devices: {rollout.Counts.Pending} pending, {rollout.Counts.Queued} queued, {rollout.Counts.Downloading} downloading, {rollout.Counts.Installing} installing, {rollout.Counts.Confirming} confirming, {string.Join(", ", rollout.Counts.Outcomes.Select(o => $"{o.Value} {o.Key}"))}
        """);

    private FirmwareVersion VersionOf(JobId job) => _world.Settings.Rollouts.First(r => r.Id == job.Value).Version;
}
