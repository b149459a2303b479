using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Agent.Jobs;

namespace Fleet.DeviceSim.Agent;

/// <summary>What all agents of a process did together.</summary>
internal sealed class AgentCounters
{
    private readonly long[] _outcomes = new long[Enum.GetValues<JobResult>().Length];
    private long _heartbeats, _connects;

    public FetchCounters Fetch { get; } = new();

    public long Heartbeats => Volatile.Read(ref _heartbeats);

    /// <summary>Connections that came about, those with a claim included.</summary>
    public long Connects => Volatile.Read(ref _connects);

    /// <summary>Outcomes that the service took.</summary>
    public long Outcomes(JobResult result) => Volatile.Read(ref _outcomes[(int)result]);

    public void Beat() => Interlocked.Increment(ref _heartbeats);

    public void Connected() => Interlocked.Increment(ref _connects);

    public void Ended(JobResult result) => Interlocked.Increment(ref _outcomes[(int)result]);
}
