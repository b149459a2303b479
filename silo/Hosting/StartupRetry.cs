namespace Fleet.Silo.Hosting;

/// <summary>Work that a start owes: it is tried again until it is done, because nobody would come back to it.</summary>
internal static class StartupRetry
{
    public static async Task<T> UntilItWorks<T>(Func<Task<T>> work, TimeSpan retryAfter, TimeProvider clock, ILogger log, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await work();
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
            {
                HostingLog.StartupWorkFailed(log, retryAfter, e);
            }
            await Task.Delay(retryAfter, clock, cancellation);
        }
    }
}
