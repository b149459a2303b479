namespace Fleet.Testing.Host.Turns;

/// <summary>Decides where and in what order turns run. A simulation puts its own in the services to run them one by one, by a seed.</summary>
internal interface ITurnExecutor
{
    /// <summary>Runs <paramref name="turns"/> later and once; the same object is not submitted again before it has run.</summary>
    void Submit(IThreadPoolWorkItem turns);

    /// <summary>After so many turns another owner gets the thread.</summary>
    int TurnsPerSlice => 64;

    /// <summary>
    /// True if whoever waits for an answer waits in a turn of this executor. Answers then reach them by it alone; otherwise what has no turn
    /// of its own (a <c>WhenAll</c>) goes by way of the thread pool, in no order that could be repeated.
    /// </summary>
    bool RunsAllThatWaits => false;
}

/// <summary>Turns of different activations run side by side on the thread pool.</summary>
internal sealed class ThreadPoolExecutor : ITurnExecutor
{
    // Local: a grain that calls another most often waits for it next, on the same core and with its data still in the cache.
    public void Submit(IThreadPoolWorkItem turns) => ThreadPool.UnsafeQueueUserWorkItem(turns, preferLocal: true);
}
