using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Faults;

namespace Fleet.DeviceSim.Agent.Fetch;

/// <summary>Takes blocks from wherever they come, with the faults that are planted on the way.</summary>
/// <param name="dropConnection">Ends the device's connection as a lost network does.</param>
internal sealed class BlockSink(PartialImage image, FirmwareJob job, DeviceFaults faults, FetchCounters counters, Action dropConnection)
{
    public BlockMap Map => image.Map;

    /// <returns>False if the block was there already.</returns>
    public bool Accept(int block, ReadOnlySpan<byte> data)
    {
        if (!Map.IsMissing(block)) return false;
        if (faults.StrikesOnce(FaultKind.Corrupt, job.Version, Update)) data = Corrupted(data);
        image.Write(block, data);
        counters.Received(data.Length);
        if (Map.Missing <= Map.Count / 2 && faults.StrikesOnce(FaultKind.Drop, job.Version, Update)) dropConnection();
        return true;
    }

    private string Update => $"{job.Key.JobId}/{job.Key.ExecutionNumber}";

    private static byte[] Corrupted(ReadOnlySpan<byte> data)
    {
        var copy = data.ToArray();
        copy[^1] ^= 0x01;
        return copy;
    }
}

/// <summary>How a download ended.</summary>
internal abstract record FetchResult
{
    private FetchResult() { }

    /// <summary>Every byte is there; whether they are the right ones is for the digest to say.</summary>
    internal sealed record Complete : FetchResult;

    /// <summary>The URL is not honoured (any more); a fresh document brings a fresh one.</summary>
    internal sealed record LinkRefused(string Reason) : FetchResult;

    internal sealed record Failed(string Reason) : FetchResult;
}
