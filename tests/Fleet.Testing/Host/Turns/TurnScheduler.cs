namespace Fleet.Testing.Host.Turns;

/// <summary>
/// Runs the tasks of one owner one at a time, in the order they came. Continuations after an <c>await</c> come back here,
/// because they go to the scheduler that is current where the <c>await</c> is.
/// </summary>
internal sealed class TurnScheduler(ITurnExecutor executor, object owner) : TaskScheduler, IThreadPoolWorkItem, Orleans.Runtime.IWorkItemScheduler
{
    void Orleans.Runtime.IWorkItemScheduler.QueueAction(Action action) => Post(static action => ((Action)action!)(), action);
    void Orleans.Runtime.IWorkItemScheduler.QueueTask(Task task) => task.Start(this);
    void Orleans.Runtime.IWorkItemScheduler.QueueAction(Action<object> action, object state) => Post(action!, state);

    // Most owners have at most one turn waiting, so a queue is only made for the second. Guarded by the lock on this object,
    // which nobody else can name: a lock of its own would cost every activation 40 bytes.
    private Task? _next;
    private Queue<Task>? _later;
    private bool _submitted;

    public object Owner { get; } = owner;

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>Queues a turn.</summary>
    public void Post(Action<object?> turn, object? state) =>
        new Task(turn, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach).Start(this);

    void IThreadPoolWorkItem.Execute()
    {
        for (int turns = executor.TurnsPerSlice; turns > 0; turns--)
        {
            if (Take() is not { } task) return;
            var before = Activations.RuntimeContexts.Enter(Owner as Orleans.Runtime.IGrainContext);
            try { TryExecuteTask(task); }
            finally { Activations.RuntimeContexts.Enter(before); }
        }
        executor.Submit(this);
    }

    protected override void QueueTask(Task task)
    {
        lock (this)
        {
            if (_next is null) _next = task;
            else (_later ??= new()).Enqueue(task);
            if (_submitted) return;
            _submitted = true;
        }
        executor.Submit(this);
    }

    private Task? Take()
    {
        lock (this)
        {
            var task = _next;
            _next = _later is { Count: > 0 } ? _later.Dequeue() : null;
            if (task is null) _submitted = false;
            return task;
        }
    }

    // A new task that was started inside a turn may run within it; one that has waited in the queue keeps its place.
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && ReferenceEquals(Current, this) && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (this) return _next is null ? [] : [_next, .. _later ?? []];
    }
}
