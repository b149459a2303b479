using System.Diagnostics;

namespace Fleet.FuzzTests;

/// <summary>Runs one <see cref="ChannelStory"/> after another for a while, and watches that they end and that memory stays flat.</summary>
internal static class ChannelFuzzer
{
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);
    private const int LookEvery = 200;
    private const long GrowthBytes = 48 * 1024 * 1024;

    /// <param name="stop">True when it has been enough; asked after each story.</param>
    /// <exception cref="FuzzFailedException">With the seed.</exception>
    public static FuzzReport Run(int firstSeed, Func<bool> stop, TextWriter log)
    {
        long packets = 0, baseline = 0;
        int stories = 0;
        do
        {
            int seed = firstSeed + stories;
            Exception? failure = null;
            var thread = new Thread(() =>
            {
                try
                {
                    packets += ChannelStory.Run(seed);
                }
                catch (FuzzFailedException e)
                {
                    failure = e;
                }
            })
            { IsBackground = true };
            thread.Start();
            if (!thread.Join(Hang)) throw new FuzzFailedException($"seed {seed}: it hangs.");
            if (failure is not null) throw new FuzzFailedException(failure.Message, failure.InnerException);
            if (++stories % LookEvery != 0) continue;
            long live = GC.GetTotalMemory(forceFullCollection: true);
            if (baseline == 0) baseline = live;
            log.WriteLine($"{stories} stories, {packets} packets, {live / 1024} KiB live");
            if (live > baseline + GrowthBytes) throw new FuzzFailedException($"seeds {firstSeed} to {seed}: memory grew from {baseline} to {live} bytes.");
        }
        while (!stop());
        return new FuzzReport(stories, packets, GC.GetTotalMemory(forceFullCollection: true));
    }
}

internal sealed record FuzzReport(int Stories, long Packets, long LiveBytes);
