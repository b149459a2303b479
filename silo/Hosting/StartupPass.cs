using System.Collections.Concurrent;

namespace Fleet.Silo.Hosting;

/// <summary>
/// Work that a start owes to many grains. What fails is tried again until it is done, because nobody would come back to it; it holds up
/// nobody else.
/// </summary>
internal static class StartupPass
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    /// <param name="list">Finds the grains, by key.</param>
    /// <param name="concurrency">At a time.</param>
    /// <returns>How many there were.</returns>
    public static async Task<int> Run(
        Func<Task<List<string>>> list, Func<string, Task> work, int concurrency, TimeProvider clock, ILogger log,
        CancellationToken cancellation)
    {
        var left = await UntilItWorks(list, clock, log, cancellation);
        int all = left.Count;
        while (left.Count > 0)
        {
            ConcurrentQueue<(string Key, Exception Cause)> failed = [];
            var together = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancellation };
            await Parallel.ForEachAsync(left, together, async (key, _) =>
            {
                try
                {
                    await work(key);
                }
                catch (Exception e)
                {
                    failed.Enqueue((key, e));
                }
            });
            left = [.. failed.Select(f => f.Key)];
            if (!failed.TryPeek(out var first)) break;
            HostingLog.StartupWorkFailed(log, left.Count, RetryAfter, first.Key, first.Cause);
            await Task.Delay(RetryAfter, clock, cancellation);
        }
        return all;
    }

    private static async Task<List<string>> UntilItWorks(
        Func<Task<List<string>>> list, TimeProvider clock, ILogger log, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await list();
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
            {
                HostingLog.StartupListFailed(log, RetryAfter, e);
            }
            await Task.Delay(RetryAfter, clock, cancellation);
        }
    }
}
