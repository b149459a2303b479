using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Transport;

namespace Fleet.Gateway.Reactor.Tls;

/// <summary>
/// Handshakes leave holes among what their connections keep, 2 KiB each, which the C library holds on to. After many of them, once few
/// come, it is told to give the holes back: a few milliseconds, in which whoever allocates there waits.
/// </summary>
internal sealed class HandshakeMemory(Action giveBack) : ITicked
{
    private const int Many = 1_000, FewPerTick = 10;

    private int _begun, _begunBefore;

    public void HandshakeBegins() => Interlocked.Increment(ref _begun);

    public void Tick(long now)
    {
        int begun = Volatile.Read(ref _begun);
        bool few = begun - _begunBefore <= FewPerTick;
        _begunBefore = begun;
        if (begun < Many || !few) return;
        Interlocked.Add(ref _begun, -begun);
        _begunBefore = 0;
        giveBack();
    }

    public static void TrimHeap()
    {
        try
        {
            _ = Libc.TrimHeap(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library than glibc, which has other holes.
        }
    }
}
