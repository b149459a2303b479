using Fleet.DeviceSim.Agent.Updates;

namespace Fleet.DeviceSim.Agent;

/// <summary>What all agents of a process did together.</summary>
internal sealed class AgentCounters
{
    private readonly long[] _outcomes = new long[Enum.GetValues<JobResult>().Length];
    private long _blocks, _bytes, _askedAgain, _heartbeats, _connects;

    public long Blocks => Volatile.Read(ref _blocks);
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Requests for blocks that had to be repeated.</summary>
    public long Repeats => Volatile.Read(ref _askedAgain);
    public long Heartbeats => Volatile.Read(ref _heartbeats);

    /// <summary>Connections that came about, those with a claim included.</summary>
    public long Connects => Volatile.Read(ref _connects);

    /// <summary>Outcomes that the service took.</summary>
    public long Outcomes(JobResult result) => Volatile.Read(ref _outcomes[(int)result]);

    public void Received(int bytes)
    {
        Interlocked.Increment(ref _blocks);
        Interlocked.Add(ref _bytes, bytes);
    }

    public void AskedAgain() => Interlocked.Increment(ref _askedAgain);

    public void Beat() => Interlocked.Increment(ref _heartbeats);

    public void Connected() => Interlocked.Increment(ref _connects);

    public void Ended(JobResult result) => Interlocked.Increment(ref _outcomes[(int)result]);
}
