using Orleans.Runtime;

namespace Fleet.Testing.Grains;

/// <summary>Decides where and in what order turns run: on the thread pool, or one by one as a seed says.</summary>
public interface ITurnExecutor
{
    /// <summary>Runs the next turn of <paramref name="owner"/> later. An owner is not submitted again before that turn has run.</summary>
    void Submit(TurnScheduler owner);

    /// <summary>
    /// True if all that waits for an answer waits in a turn of this executor. Answers then reach it by turns alone; otherwise a waiter
    /// without a turn of its own (a <c>WhenAll</c>) goes by way of the thread pool, in no order that could be repeated.
    /// </summary>
    bool RunsAllThatWaits => false;

    /// <summary>What runs here was killed: no turn runs any more.</summary>
    bool IsDead => false;
}

/// <summary>Turns of different owners run side by side on the thread pool.</summary>
public sealed class ThreadPoolTurns : ITurnExecutor
{
    private int _pending;

    public void Submit(TurnScheduler owner)
    {
        Interlocked.Increment(ref _pending);
        ThreadPool.UnsafeQueueUserWorkItem(
            static state =>
            {
                state.owner.Run();
                Interlocked.Decrement(ref state.self._pending);
            }, (self: this, owner), preferLocal: true);
    }

    /// <summary>Waits until no grain has anything to do, so that a test moves its clock only when all that was due has been done.</summary>
    public async Task UntilQuiet()
    {
        // By the queue that all threads share: what was queued before goes first.
        do await Task.Factory.StartNew(() => { }, default, TaskCreationOptions.PreferFairness, TaskScheduler.Default);
        while (Volatile.Read(ref _pending) > 0);
    }
}

/// <summary>
/// Runs the tasks of one owner one at a time, in the order they came. Continuations after an <c>await</c> come back here,
/// because they go to the scheduler that is current where the <c>await</c> is.
/// </summary>
/// <param name="grain">The owner if it is an activation.</param>
public sealed class TurnScheduler(ITurnExecutor executor, IGrainContext? grain = null) : TaskScheduler, IWorkItemScheduler
{
    private readonly Queue<Task> _waiting = [];

    public IGrainContext? Grain => grain;

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Queues a turn.</summary>
    public void Post(Action<object?> turn, object? state) =>
        new Task(turn, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach).Start(this);

    /// <summary>Runs one turn. For the executor alone.</summary>
    public void Run()
    {
        if (executor.IsDead) return;
        Task task;
        lock (_waiting) task = _waiting.Peek();
        var before = RuntimeContexts.Enter(grain);
        try { TryExecuteTask(task); }
        finally { RuntimeContexts.Enter(before); }
        lock (_waiting)
        {
            _waiting.Dequeue();
            if (_waiting.Count == 0) return;
        }
        executor.Submit(this);
    }

    protected override void QueueTask(Task task)
    {
        lock (_waiting)
        {
            _waiting.Enqueue(task);
            if (_waiting.Count > 1) return;
        }
        executor.Submit(this);
    }

    // A task that a grain starts inside its turn may run within it, as in Orleans; one that has waited in the queue keeps its place. Elsewhere
    // each has a turn of its own: whoever starts it may hold a lock.
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        grain is not null && !taskWasPreviouslyQueued && ReferenceEquals(Current, this) && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_waiting) return [.. _waiting];
    }

    void IWorkItemScheduler.QueueAction(Action action) => Post(static action => ((Action)action!)(), action);

    void IWorkItemScheduler.QueueAction(Action<object> action, object state) => Post(action!, state);

    void IWorkItemScheduler.QueueTask(Task task) => task.Start(this);
}
