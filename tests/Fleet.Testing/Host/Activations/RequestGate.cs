using Fleet.Testing.Host.Calls;

namespace Fleet.Testing.Host.Activations;

/// <summary>
/// Decides which requests of one activation may overlap, as Orleans does: the first that does not interleave holds up all others, but for
/// interleaving ones and, if it only reads, others that only read. When it ends the next one may start, whatever still reads beside it.
/// </summary>
internal struct RequestGate
{
    private int _running;
    private Request? _holder;

    public readonly bool IsEmpty => _running == 0;

    /// <summary>Whether none but interleaving requests may start; those never wait.</summary>
    public readonly bool IsShut => _holder is { IsReadOnly: false };

    public readonly bool MayStart(Request request, bool reentrant) =>
        _holder is null || reentrant || request.AlwaysInterleaves || (_holder.IsReadOnly && request.IsReadOnly);

    public void Enter(Request request, bool reentrant)
    {
        _running++;
        if (!reentrant && !request.AlwaysInterleaves) _holder ??= request;
    }

    public void Exit(Request request)
    {
        _running--;
        if (ReferenceEquals(_holder, request)) _holder = null;
    }
}
