using System.Collections.Concurrent;
using System.Diagnostics;

namespace Fleet.Load;

/// <summary>One thread with its clients.</summary>
internal sealed unsafe class Poller
{
    private readonly int _epoll = Native.Check(Native.epoll_create1(Native.CloseOnExec), "epoll_create1");
    private readonly List<Client> _clients = [];
    private readonly Stack<int> _free = new();
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly PriorityQueue<Action, long> _timers = new();
    private volatile bool _stopping;

    public Poller()
    {
        var thread = new Thread(Run) { IsBackground = true };
        thread.Start();
    }

    public byte[] ReadBuffer { get; } = GC.AllocateUninitializedArray<byte>(64 * 1024, pinned: true);
    public byte[] WriteBuffer { get; } = GC.AllocateUninitializedArray<byte>(64 * 1024, pinned: true);

    /// <summary>Messages that came back, and how long each took, in microseconds.</summary>
    public Samples Samples { get; } = new();
    public long Done { get; set; }

    public void Post(Action work) => _posted.Enqueue(work);

    /// <summary>On this poller's thread only.</summary>
    public void After(double seconds, Action work) => _timers.Enqueue(work, Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency));

    public int Watch(int socket, Client client, uint flags)
    {
        if (!_free.TryPop(out int key))
        {
            key = _clients.Count;
            _clients.Add(null!);
        }
        _clients[key] = client;
        var interest = new EpollEvent { Flags = flags, Key = key };
        Native.Check(Native.epoll_ctl(_epoll, Native.Add, socket, &interest), "epoll_ctl");
        return key;
    }

    public void Modify(int socket, int key, uint flags)
    {
        var interest = new EpollEvent { Flags = flags, Key = key };
        Native.Check(Native.epoll_ctl(_epoll, Native.Modify, socket, &interest), "epoll_ctl");
    }

    public void Forget(int key)
    {
        _clients[key] = null!;
        _free.Push(key);
    }

    public void Stop() => _stopping = true;

    private void Run()
    {
        const int Capacity = 256;
        var ready = stackalloc EpollEvent[Capacity];
        while (!_stopping)
        {
            int count = Native.epoll_wait(_epoll, ready, Capacity, 5);
            for (int i = 0; i < count; i++) _clients[ready[i].Key]?.Ready(ready[i].Flags);
            while (_posted.TryDequeue(out var work)) work();
            while (_timers.TryPeek(out _, out long due) && due <= Stopwatch.GetTimestamp()) _timers.Dequeue()();
        }
    }
}

/// <summary>Durations, in buckets that grow by a tenth.</summary>
internal sealed class Samples
{
    private readonly long[] _buckets = new long[256];

    public void Add(double microseconds) => Interlocked.Increment(ref _buckets[(int)Math.Clamp(Math.Log(Math.Max(1, microseconds), 1.1), 0, 255)]);

    public void Clear() => Array.Clear(_buckets);

    /// <returns>Microseconds.</returns>
    public static double Percentile(IEnumerable<Samples> all, double share)
    {
        long[] sum = new long[256];
        foreach (var samples in all)
        {
            for (int i = 0; i < sum.Length; i++) sum[i] += samples._buckets[i];
        }
        long wanted = (long)(sum.Sum() * share);
        for (int i = 0; i < sum.Length; i++)
        {
            if ((wanted -= sum[i]) <= 0) return Math.Pow(1.1, i + 1);
        }
        return 0;
    }
}
