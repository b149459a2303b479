using Fleet.Engine.Activations;
using Fleet.Engine.Calls;
using Fleet.Engine.Turns;
using Orleans;
using Orleans.Runtime;

namespace Fleet.Engine.Observers;

/// <summary>
/// An observer that may be called. Calls run one after the other, in turns of its own, never in those of the grain that calls. A one-way
/// call (a method that returns void or is [OneWay]) to a deleted observer is dropped; another fails.
/// </summary>
internal sealed class ObserverTarget : ICallTarget, IRequestHost
{
    private static readonly GrainType Type = GrainType.Create("observer");

    private readonly GrainRuntime _runtime;
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly Lock _gate = new();
    private RequestList _waiting;
    private bool _busy;
    private bool _closed;

    public ObserverTarget(GrainRuntime runtime, IGrainObserver observer)
    {
        _runtime = runtime;
        Instance = observer;
        Scheduler = new(runtime.Executor, this);
    }

    public object Instance { get; }

    public TurnScheduler Scheduler { get; }

    public GrainId IdOf(string key) => GrainId.Create(Type, _id);

    public GrainReference ReferTo(string key, Type interfaceType) => interfaceType.IsInstanceOfType(Instance)
        ? _runtime.Calls.InterfaceOf(interfaceType).ReferTo(this, key)
        : throw new InvalidCastException($"{Instance.GetType()} does not implement {interfaceType}.");

    public void Send(string key, Request call)
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
        call.Reject(new ClientNotAvailableException($"The observer of {call} was deleted."));
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

    // Calls are counted by the grain type they go to, and an observer has none.
    public void Count(CallOutcome outcome) { }

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
