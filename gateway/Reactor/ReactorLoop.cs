using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Transport;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// One thread that serves many sockets: it waits until some are ready, lets each take its turn and answer, and at the end of the round
/// sends, once per connection, what the whole round has brought for others. Nothing in a turn may wait. Handshakes, which cost as much as a
/// hundred messages each, and the ends of lost connections come after the rest of the round, a few at a time, so that a storm of them does
/// not hold up those who are connected.
/// </summary>
internal sealed class ReactorLoop : ITicked, IDisposable
{
    private const int ReadBufferBytes = 64 * 1024, SignalKey = 0, MaxPostedPerRound = 4_096;

    /// <summary>
    /// Half a millisecond, and what is begun is finished: one step of a handshake, or a few ends. With less than a hundredth of it a round
    /// finds out that nobody else wants anything.
    /// </summary>
    private static readonly long LaterPerRound = Stopwatch.Frequency / 2_000;

    /// <summary>
    /// At 20,000 events a second and more it is worth a moment's pause to find several at once: waking up for each would cost a fifth of
    /// all that it does.
    /// </summary>
    private static readonly long BusyTicksPerEvent = Stopwatch.Frequency / 20_000;

    /// <summary>More than this at once is enough already.</summary>
    private const int FewEvents = 32;

    private const int PauseNanoseconds = 100_000;

    [ThreadStatic] private static ReactorLoop? t_current;

    private readonly Epoll _epoll = new();
    private readonly EventFile _signal = new();
    private readonly ConcurrentQueue<ILoopWork> _posted = new();
    private readonly Queue<ILoopWork> _later = new();
    private readonly List<ReactorConnection> _dirty = [];
    private readonly List<ReactorConnection> _again = [];
    private readonly List<int> _released = [];
    private readonly Stack<int> _free = new();
    private readonly GatewayClock _clock;
    private readonly Thread _thread;
    private readonly int? _processor;
    private IReady?[] _watched = new IReady?[64];
    private int _keys = SignalKey + 1, _load, _sleeping, _tickDue;
    private bool _hurried;
    private volatile bool _stopping;

    /// <param name="processor">The processor that it stays on; null leaves it to the system.</param>
    public ReactorLoop(int number, GatewayClock clock, int? processor)
    {
        _clock = clock;
        _processor = processor;
        _epoll.Add(_signal.File, SignalKey, Readiness.In);
        _thread = new Thread(Run) { Name = $"fleet-loop-{number}", IsBackground = true };
    }

    public bool IsCurrent => t_current == this;

    /// <summary>Sockets that were given to this loop and are not closed yet. Any thread may look.</summary>
    public int Load => Volatile.Read(ref _load);

    /// <summary>When this round began: monotonic milliseconds, and the timestamp of the same instant.</summary>
    public long NowMs { get; private set; }
    public long Timestamp { get; private set; }

    /// <summary>Where whoever has its turn may read to; the next one overwrites it.</summary>
    public byte[] ReadBuffer { get; } = GC.AllocateUninitializedArray<byte>(ReadBufferBytes, pinned: true);

    /// <summary>Whoever has its turn leaves here what is to be done about it.</summary>
    public ChannelTurn Turn { get; } = new();

    /// <summary>For what its connections hold on to.</summary>
    public LoopPool Pool { get; } = new();

    public void Start() => _thread.Start();

    /// <summary>Has something done on the loop's thread, soon. Any thread may call it.</summary>
    public void Post(ILoopWork work)
    {
        _posted.Enqueue(work);
        Signal();
    }

    void ITicked.Tick(long now)
    {
        Volatile.Write(ref _tickDue, 1);
        Signal();
    }

    /// <summary>A socket is about to be given to this loop.</summary>
    public void Expect() => Interlocked.Increment(ref _load);

    /// <summary>Watches a socket. Returns its key. This and what follows: on the loop's thread only.</summary>
    /// <exception cref="IOException">The system watches no more: <paramref name="who"/> hears of nothing.</exception>
    public int Watch(int socket, IReady who, Readiness interest)
    {
        int key = _free.TryPeek(out int free) ? free : _keys;
        _epoll.Add(socket, key, interest);
        if (!_free.TryPop(out _)) _keys++;
        if (key == _watched.Length) Array.Resize(ref _watched, key * 2);
        _watched[key] = who;
        return key;
    }

    public void Modify(int socket, int key, Readiness interest) => _epoll.Modify(socket, key, interest);

    /// <summary>Another one stands behind the socket from now on.</summary>
    public void Replace(int key, IReady who) => _watched[key] = who;

    /// <summary>The socket is closed. What this round still has to say about it goes nowhere.</summary>
    public void Release(int key)
    {
        _watched[key] = null;
        _released.Add(key);
        Interlocked.Decrement(ref _load);
    }

    /// <summary>A socket that was expected was closed before it was watched.</summary>
    public void Forgo() => Interlocked.Decrement(ref _load);

    /// <summary>Sends what this connection has to send when the round ends.</summary>
    public void MarkDirty(ReactorConnection connection) => _dirty.Add(connection);

    /// <summary>Gives the connection another turn in the next round, which then does not wait.</summary>
    public void Again(ReactorConnection connection) => _again.Add(connection);

    /// <summary>Work that comes after all that is ready, within bounds.</summary>
    public void Later(ILoopWork step) => _later.Enqueue(step);

    public void Stop()
    {
        _stopping = true;
        Signal();
        if (_thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted) || IsCurrent) return;
        _thread.Join();
    }

    public void Dispose()
    {
        Stop();
        foreach (var watched in _watched) (watched as IDisposable)?.Dispose();
        _epoll.Dispose();
        _signal.Dispose();
    }

    private void Run()
    {
        t_current = this;
        if (_processor is { } processor) Affinity.Pin(processor);
        while (!_stopping) Round();
    }

    /// <summary>A call of its own, since the JIT puts better code in place from one call to the next.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Round()
    {
        int count = Wait();
        long before = Timestamp;
        // Before the clock is read: a tick that comes from now on belongs to the next round, which knows its time.
        bool tick = Volatile.Read(ref _tickDue) == 1 && Interlocked.Exchange(ref _tickDue, 0) == 1;
        NowMs = _clock.NowMs;
        Timestamp = _clock.Time.GetTimestamp();
        _hurried = count is > 0 and < FewEvents && Timestamp - before < count * BusyTicksPerEvent;
        for (int i = 0; i < count; i++)
        {
            var (key, readiness) = _epoll[i];
            if (key == SignalKey) _signal.Clear();
            else _watched[key]?.Ready(readiness);
        }
        RunAgain();
        RunPosted();
        if (tick) TickAll();
        Flush();
        RunLater();
        Flush();
        foreach (int key in _released) _free.Push(key);
        _released.Clear();
    }

    private int Wait()
    {
        if (_again.Count > 0 || _later.Count > 0) return _epoll.Wait(0);
        if (_hurried) Libc.Pause(PauseNanoseconds);
        // Whoever posts looks at _sleeping after it has posted; this looks for posts after it has written _sleeping. One of the two sees
        // the other.
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        bool idle = _posted.IsEmpty && Volatile.Read(ref _tickDue) == 0 && !_stopping;
        int count = _epoll.Wait(idle ? -1 : 0);
        Volatile.Write(ref _sleeping, 0);
        return count;
    }

    private void Signal()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _sleeping) == 1 && Interlocked.Exchange(ref _sleeping, 0) == 1) _signal.Set();
    }

    private void RunAgain()
    {
        if (_again.Count == 0) return;
        ReactorConnection[] turns = [.. _again];
        _again.Clear();
        foreach (var connection in turns) connection.RunAgain();
    }

    private void RunPosted()
    {
        for (int i = 0; i < MaxPostedPerRound && _posted.TryDequeue(out var work); i++) work.Run();
    }

    private void TickAll()
    {
        for (int key = SignalKey + 1; key < _keys; key++) _watched[key]?.Tick(NowMs);
    }

    private void RunLater()
    {
        if (_later.Count == 0) return;
        long start = Stopwatch.GetTimestamp();
        while (_later.TryDequeue(out var step))
        {
            step.Run();
            if (Stopwatch.GetTimestamp() - start > LaterPerRound) return;
        }
    }

    private void Flush()
    {
        // The list may grow meanwhile: a connection that ends here publishes its will.
        for (int i = 0; i < _dirty.Count; i++) _dirty[i].Flush();
        _dirty.Clear();
    }
}
