using System.Runtime.InteropServices;

namespace Fleet.Gateway.Reactor.Native;

/// <summary>The few calls of Linux' C library that the reactor makes. Each returns -1 and sets errno on failure.</summary>
internal static partial class Libc
{
    private const string Library = "libc";

    /// <summary>errno.</summary>
    public const int Interrupted = 4, WouldBlock = 11, TooManyFilesInSystem = 23, TooManyFiles = 24, ConnectionAborted = 103;

    /// <summary>EPOLL_CTL_*.</summary>
    public const int EpollAdd = 1, EpollRemove = 2, EpollModify = 3;

    /// <summary>SHUT_WR; MSG_*; SOCK_*; IPPROTO_TCP and TCP_NODELAY; O_CLOEXEC, O_NONBLOCK of eventfd and epoll.</summary>
    public const int ShutdownWrite = 1, MessagePeek = 0x02, MessageNoSignal = 0x4000, LevelTcp = 6, NoDelay = 1;
    public const int CloseOnExec = 0x80000, NonBlocking = 0x800;

    /// <summary>glibc's: gives the system back what is free inside the heap.</summary>
    [LibraryImport(Library, EntryPoint = "malloc_trim")]
    public static partial int TrimHeap(nuint kept);

    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int EpollCreate(int flags);

    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    public static unsafe partial int EpollControl(int epoll, int operation, int file, uint* interest);

    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true)]
    public static unsafe partial int EpollWait(int epoll, uint* ready, int capacity, int timeoutMs);

    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFile(uint initial, int flags);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    public static unsafe partial nint Read(int file, byte* into, nuint length);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    public static unsafe partial nint Write(int file, byte* bytes, nuint length);

    [LibraryImport(Library, EntryPoint = "recv", SetLastError = true)]
    public static unsafe partial nint Receive(int socket, byte* into, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "send", SetLastError = true)]
    public static unsafe partial nint Send(int socket, byte* bytes, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "accept4", SetLastError = true)]
    public static unsafe partial int Accept(int listener, byte* address, uint* addressLength, int flags);

    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true)]
    public static unsafe partial int SetOption(int socket, int level, int option, int* value, uint length);

    [LibraryImport(Library, EntryPoint = "shutdown", SetLastError = true)]
    public static partial int Shutdown(int socket, int how);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);

    /// <summary>Of the calling thread when <paramref name="thread"/> is 0.</summary>
    [LibraryImport(Library, EntryPoint = "sched_setaffinity", SetLastError = true)]
    public static unsafe partial int SetAffinity(int thread, nuint length, byte* mask);

    [LibraryImport(Library, EntryPoint = "nanosleep")]
    private static unsafe partial int Sleep(nint* secondsAndNanoseconds, nint* left);

    /// <summary>Gives up the processor for so long, or until a signal comes.</summary>
    public static unsafe void Pause(int nanoseconds)
    {
        nint* time = stackalloc nint[] { 0, nanoseconds };
        _ = Sleep(time, null);
    }

    public static int LastError => Marshal.GetLastPInvokeError();

    public static IOException Failed(string call) => new($"{call}: {Marshal.GetLastPInvokeErrorMessage()}");
}

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
