using Fleet.Engine.Calls;

namespace Fleet.Engine.Activations;

/// <summary>
/// Decides which requests of one activation may overlap: one at a time, except that interleaving ones overlap with any, and those that
/// are read-only with each other.
/// </summary>
internal struct RequestGate
{
    private int _running;
    private int _exclusive;
    private bool _readOnly;

    public readonly bool IsEmpty => _running == 0;

    public readonly bool MayStart(Request request, bool reentrant) =>
        _exclusive == 0 || reentrant || request.AlwaysInterleaves || (_readOnly && request.IsReadOnly);

    public void Enter(Request request, bool reentrant)
    {
        _running++;
        if (reentrant || request.AlwaysInterleaves) return;
        // MayStart let it in, so if others run they are read-only, and so is this one.
        _exclusive++;
        _readOnly = request.IsReadOnly;
    }

    public void Exit(Request request, bool reentrant)
    {
        _running--;
        if (!reentrant && !request.AlwaysInterleaves) _exclusive--;
    }
}
