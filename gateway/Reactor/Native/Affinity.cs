namespace Fleet.Gateway.Reactor.Native;

internal static unsafe class Affinity
{
    private const int MaxProcessors = 1024;

    /// <summary>Keeps the calling thread on one processor.</summary>
    public static void Pin(int processor)
    {
        byte* mask = stackalloc byte[MaxProcessors / 8];
        new Span<byte>(mask, MaxProcessors / 8).Clear();
        mask[processor / 8] = (byte)(1 << (processor % 8));
        if (Libc.SetAffinity(0, MaxProcessors / 8, mask) != 0) throw Libc.Failed("sched_setaffinity");
    }
}
