namespace Fleet.DeviceSim.Agent.Fetch;

/// <summary>What the downloads of all agents of a process came to.</summary>
internal sealed class FetchCounters
{
    private long _blocks, _bytes, _repeats;

    public long Blocks => Volatile.Read(ref _blocks);
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Requests for blocks that had to be repeated.</summary>
    public long Repeats => Volatile.Read(ref _repeats);

    public void Received(int bytes)
    {
        Interlocked.Increment(ref _blocks);
        Interlocked.Add(ref _bytes, bytes);
    }

    public void AskedAgain() => Interlocked.Increment(ref _repeats);
}
