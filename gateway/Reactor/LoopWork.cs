using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Transport;

namespace Fleet.Gateway.Reactor;

/// <summary>Something with a file that a loop watches.</summary>
internal interface IReady
{
    void Ready(Readiness readiness);

    /// <summary>Time has passed.</summary>
    void Tick(long now);
}

/// <summary>Something to do on a loop's thread. Takes care of its own faults.</summary>
internal interface ILoopWork
{
    void Run();
}

/// <summary>A connection's turn on its loop.</summary>
internal sealed class ConnectionTurn(ReactorConnection connection, ConnectionEvent what) : ILoopWork
{
    public void Run() => connection.Run(what);
}

/// <summary>What a loop watches a socket for. Nothing changes once it has ended.</summary>
internal struct SocketInterest(ReactorLoop loop, int socket, int key, Readiness first)
{
    private Readiness _now = first;
    private bool _ended;

    public void Add(Readiness more) => Set(_now | more);

    public void Remove(Readiness less) => Set(_now & ~less);

    /// <summary>Input is not waited for any more, and whatever else there is to say is said once.</summary>
    public void HearOnce() => Set((_now & ~Readiness.In) | Readiness.Once);

    /// <returns>The socket's key, for whoever watches it from here on.</returns>
    public int End()
    {
        _ended = true;
        return key;
    }

    private void Set(Readiness interest)
    {
        if (_now == interest || _ended) return;
        _now = interest;
        loop.Modify(socket, key, interest);
    }
}
