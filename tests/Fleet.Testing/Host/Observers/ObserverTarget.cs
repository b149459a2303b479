using Fleet.Testing.Host.Activations;
using Fleet.Testing.Host.Calls;
using Fleet.Testing.Host.Turns;
using Orleans;
using Orleans.Runtime;

namespace Fleet.Testing.Host.Observers;

/// <summary>
/// An observer that may be called. Calls run one after the other, in turns of its own, never in those of the grain that calls. A one-way
/// call (a method that returns void or is [OneWay]) to a deleted observer is dropped; another fails.
/// </summary>
internal sealed class ObserverTarget : ICallTarget, IRequestHost
{
    private readonly Lock _gate = new();
    private RequestList _waiting;
    private bool _busy;
    private bool _closed;

    public ObserverTarget(GrainRuntime runtime, IGrainObserver observer)
    {
        Instance = observer;
        Scheduler = new(runtime.Executor, this);
    }

    public object Instance { get; }

    public TurnScheduler Scheduler { get; }

    public object? GetTarget() => Instance;

    public object? GetComponent(Type componentType) => null;

    public void Send(GrainId to, Request call)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _waiting.Add(call);
                StartNext();
                return;
            }
        }
        call.Reject(new SiloUnavailableException($"The observer of {call} was deleted."));
    }

    public void Finished(Request request, Exception? failure)
    {
        lock (_gate)
        {
            _busy = false;
            StartNext();
        }
    }

    /// <summary>Takes no more calls. Those that came before still run.</summary>
    public void Close()
    {
        lock (_gate) _closed = true;
    }

    private void StartNext()
    {
        while (!_busy && _waiting.First is { } request)
        {
            _waiting.RemoveFirst();
            if (request.IsAbandoned) continue;
            _busy = true;
            request.Start(this);
        }
    }
}
