using Orleans.Runtime;

namespace Fleet.Testing.Grains;

/// <summary>
/// An observer, held weakly as Orleans holds it. Calls run one after the other, in turns of its own. One that is deleted or was collected
/// does not answer, as in Orleans: its callers wait until they give up.
/// </summary>
internal sealed class ObserverTarget(HostRuntime runtime, object observer) : ICallTarget, IWorkHost
{
    public static readonly GrainType Type = GrainType.Create("observer");

    private readonly WeakReference<object> _observer = new(observer);
    private readonly Queue<WorkItem> _waiting = [];
    private object? _busy;
    private bool _closed;

    public TurnScheduler Scheduler { get; } = new(runtime.Turns);

    public object? GetTarget() => _busy;

    public object? GetComponent(Type componentType) => null;

    public void Receive(GrainId to, WorkItem call)
    {
        lock (_waiting)
        {
            if (_closed || !_observer.TryGetTarget(out var alive)) return;
            _busy = alive;
            _waiting.Enqueue(call);
            if (_waiting.Count == 1) call.Start(this);
        }
    }

    public void Finished(WorkItem item, Exception? failure)
    {
        lock (_waiting)
        {
            _waiting.Dequeue();
            if (_waiting.TryPeek(out var next)) next.Start(this);
            else _busy = null;
        }
    }

    /// <summary>Takes no more calls. Those that came before still run.</summary>
    public void Close()
    {
        lock (_waiting) _closed = true;
    }
}
