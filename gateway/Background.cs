namespace Fleet.Gateway;

/// <summary>
/// Work that its starter does not wait for. It goes to the current scheduler: the thread pool, unless the gateway is simulated, where
/// everything runs on one thread.
/// </summary>
internal static class Background
{
    private static TaskCreationOptions Continuations =>
        TaskScheduler.Current == TaskScheduler.Default ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None;

    /// <summary>Starts it in a turn of its own: never within the caller's, which may hold a lock.</summary>
    public static Task Run(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Current).Unwrap();

    /// <summary>A source whose waiters go on in turns of their own.</summary>
    public static TaskCompletionSource NewSource() => new(Continuations);

    /// <inheritdoc cref="NewSource()"/>
    public static TaskCompletionSource<T> NewSource<T>() => new(Continuations);
}
