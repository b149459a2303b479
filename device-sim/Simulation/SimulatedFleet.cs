using Fleet.DeviceSim.Agent;
using Fleet.DeviceSim.Faults;

namespace Fleet.DeviceSim.Simulation;

/// <summary>What a fleet is made of.</summary>
internal sealed record FleetOptions
{
    public required int Devices { get; init; }

    /// <summary>Thing names are this and a number of five digits, from 00001.</summary>
    public required string Prefix { get; init; }

    /// <summary>A folder per device lies in here.</summary>
    public required string DataFolder { get; init; }

    /// <summary>What all devices have in common; the thing name is replaced.</summary>
    public required AgentOptions Agent { get; init; }
    public ImmutableArray<FaultSpec> Faults { get; init; } = [];

    public string ThingName(int number) => $"{Prefix}{number:00000}";
}

/// <summary>
/// Many agents in one process. They share the thread pool, its timers and one HTTP client, so a device costs its
/// TLS session and little more.
/// </summary>
internal sealed class SimulatedFleet
{
    private readonly AgentServices _services;
    private readonly long _startedAt;

    public SimulatedFleet(FleetOptions options, AgentServices services)
    {
        _services = services;
        _startedAt = services.Time.GetTimestamp();
        Agents = [.. Enumerable.Range(1, options.Devices).Select(number => NewAgent(options, options.ThingName(number)))];
    }

    public ImmutableArray<DeviceAgent> Agents { get; }

    /// <summary>
    /// Runs all devices until <paramref name="stop"/>; ends when the last of them said goodbye. A device with a bug stays behind as
    /// faulted.
    /// </summary>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll(Agents.Select(agent => RunAsync(agent, stop)));

    public FleetStatus Status() =>
        FleetStatus.Of(Agents.Select(agent => agent.View), _services.Counters, _services.Time.GetElapsedTime(_startedAt));

    private static async Task RunAsync(DeviceAgent agent, CancellationToken stop)
    {
        // The first steps (reading the disk) are synchronous; a thousand of them belong on the pool.
        await Task.Yield();
        try
        {
            await agent.RunAsync(stop);
        }
        catch (Exception)
        {
            // Logged by the agent, and counted as faulted: one broken device must not end the run of the others.
        }
    }

    private DeviceAgent NewAgent(FleetOptions options, string thing) => new(
        options.Agent with { ThingName = thing }, _services, DeviceFaults.Draw(options.Faults, options.Agent.Seed, thing),
        Path.Combine(options.DataFolder, thing));
}
