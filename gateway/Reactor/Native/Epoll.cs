using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Gateway.Reactor.Native;

/// <summary>What a file is watched for, and what it is ready for.</summary>
[Flags]
internal enum Readiness : uint
{
    None = 0,
    In = 0x001,
    Out = 0x004,
    Error = 0x008,
    HangUp = 0x010,

    /// <summary>Watch only until it is ready once; <see cref="Epoll.Modify"/> watches again.</summary>
    Once = 1u << 30,

    /// <summary>Ready when something is new, rather than while something is there.</summary>
    Edge = 1u << 31,
}

/// <summary>One epoll instance; for one thread.</summary>
internal sealed unsafe class Epoll : SafeHandleMinusOneIsInvalid
{
    /// <summary>Taken from the kernel at a time; what is left comes with the next call, and the kernel takes them in turn.</summary>
    private const int Capacity = 256;

    // struct epoll_event is packed on x86-64 and naturally aligned elsewhere: flags, then the 64 bits that we gave.
    private static readonly int Words = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 3 : 4;
    private static readonly int KeyWord = Words - 2;

    private readonly uint[] _ready = GC.AllocateArray<uint>(Capacity * Words, pinned: true);
    private readonly int _file;

    public Epoll() : base(ownsHandle: true)
    {
        _file = Libc.EpollCreate(Libc.CloseOnExec);
        if (_file < 0) throw Libc.Failed("epoll_create1");
        SetHandle(_file);
    }

    /// <param name="timeoutMs">-1: until something is ready.</param>
    /// <returns>How many are ready; see <see cref="this"/>.</returns>
    public int Wait(int timeoutMs)
    {
        fixed (uint* ready = _ready)
        {
            int count = Libc.EpollWait(_file, ready, Capacity, timeoutMs);
            if (count >= 0) return count;
        }
        return Libc.LastError == Libc.Interrupted ? 0 : throw Libc.Failed("epoll_wait");
    }

    public (int Key, Readiness Readiness) this[int index] => ((int)_ready[(index * Words) + KeyWord], (Readiness)_ready[index * Words]);

    public void Add(int file, int key, Readiness interest) => Control(Libc.EpollAdd, file, key, interest);

    public void Modify(int file, int key, Readiness interest) => Control(Libc.EpollModify, file, key, interest);

    public void Remove(int file) => Control(Libc.EpollRemove, file, 0, Readiness.None);

    protected override bool ReleaseHandle() => Libc.Close(_file) == 0;

    private void Control(int operation, int file, int key, Readiness interest)
    {
        uint* change = stackalloc uint[4];
        change[0] = (uint)interest;
        change[KeyWord] = (uint)key;
        if (Libc.EpollControl(_file, operation, file, change) != 0) throw Libc.Failed("epoll_ctl");
    }
}

/// <summary>Wakes a loop from another thread.</summary>
internal sealed unsafe class EventFile : SafeHandleMinusOneIsInvalid
{
    public EventFile() : base(ownsHandle: true)
    {
        File = Libc.EventFile(0, Libc.CloseOnExec | Libc.NonBlocking);
        if (File < 0) throw Libc.Failed("eventfd");
        SetHandle(File);
    }

    public int File { get; }

    public void Set()
    {
        ulong one = 1;
        // A counter at its end would block: then it is set already.
        if (Libc.Write(File, (byte*)&one, sizeof(ulong)) != sizeof(ulong) && Libc.LastError != Libc.WouldBlock)
            throw Libc.Failed("write to eventfd");
    }

    public void Clear()
    {
        ulong count;
        if (Libc.Read(File, (byte*)&count, sizeof(ulong)) != sizeof(ulong) && Libc.LastError != Libc.WouldBlock)
            throw Libc.Failed("read of eventfd");
    }

    protected override bool ReleaseHandle() => Libc.Close(File) == 0;
}
