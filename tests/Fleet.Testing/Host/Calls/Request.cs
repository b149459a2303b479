using Fleet.Testing.Host.Turns;

namespace Fleet.Testing.Host.Calls;

/// <summary>Who runs requests: an activation or an observer.</summary>
internal interface IRequestHost : Orleans.Serialization.Invocation.ITargetHolder
{
    object Instance { get; }

    TurnScheduler Scheduler { get; }

    /// <summary>Tells, within a turn, that the request has ended, and how, before its caller hears of it.</summary>
    void Finished(Request request, Exception? failure);
}

/// <summary>Something to be run by a host: a call, or the tick of a timer.</summary>
internal abstract class Request
{
    /// <summary>The request behind this one in the list it waits in.</summary>
    public Request? Next { get; set; }

    public abstract bool AlwaysInterleaves { get; }

    public abstract bool IsReadOnly { get; }

    /// <summary>Whether it counts as use of the activation.</summary>
    public abstract bool KeepsAlive { get; }

    /// <summary>Whether it is bound to this activation, so that the next one must not get it.</summary>
    public abstract bool IsLocal { get; }

    /// <summary>Whether nobody waits for it any more. Such a request need not start.</summary>
    public abstract bool IsAbandoned { get; }

    protected IRequestHost Host { get; private set; } = null!;

    /// <summary>Queues the first turn of this request.</summary>
    public void Start(IRequestHost host)
    {
        Host = host;
        host.Scheduler.Post(static request => _ = ((Request)request!).Run(), this);
    }

    /// <summary>Ends the request without having run it.</summary>
    public abstract void Reject(Exception reason);

    /// <summary>Runs to the end, calls <see cref="IRequestHost.Finished"/>, and never throws.</summary>
    protected abstract Task Run();
}

/// <summary>Requests in the order they came, linked through themselves: an idle activation holds no memory for them.</summary>
internal struct RequestList
{
    private Request? _first;
    private Request? _last;

    public readonly Request? First => _first;

    public void Add(Request request)
    {
        if (_last is null) _first = request;
        else _last.Next = request;
        _last = request;
    }

    public void RemoveFirst()
    {
        var request = _first!;
        _first = request.Next;
        if (_first is null) _last = null;
        request.Next = null;
    }
}
