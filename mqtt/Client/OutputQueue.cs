using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>
/// The sending half of a connection: packets go into a buffer, and whoever finds nobody writing writes it to the stream. What gathers
/// meanwhile goes out in one write. Safe for any number of threads.
/// </summary>
internal sealed class OutputQueue(Stream stream, TimeProvider clock, Action<Exception> failed)
{
    /// <summary>Above this, publishers at QoS 0 wait for the stream.</summary>
    private const int HighWaterBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private PooledBuffer _gathering = new(), _sending = new();
    private TaskCompletionSource? _drained;
    private bool _writing, _corked, _ended;
    private long _lastWrite = clock.GetTimestamp();

    /// <summary>How long nothing has been sent.</summary>
    public TimeSpan Silence => clock.GetElapsedTime(Volatile.Read(ref _lastWrite));

    public void Write<TPacket>(TPacket packet, Action<TPacket, IBufferWriter<byte>> write) where TPacket : allows ref struct
    {
        bool start;
        lock (_gate)
        {
            if (_ended) return;
            write(packet, _gathering);
            Volatile.Write(ref _lastWrite, clock.GetTimestamp());
            start = !_writing && !_corked;
            _writing |= start;
        }
        if (start) _ = WriteAll();
    }

    /// <summary>Until <see cref="Uncork"/>, packets gather: a batch of acknowledgements then takes one write.</summary>
    public void Cork()
    {
        lock (_gate) _corked = true;
    }

    public void Uncork()
    {
        bool start;
        lock (_gate)
        {
            _corked = false;
            start = !_writing && !_ended && _gathering.Length > 0;
            _writing |= start;
        }
        if (start) _ = WriteAll();
    }

    /// <summary>Completes at once while little is waiting, else when all of it is sent, or the connection has ended.</summary>
    public Task WhenWritable() => WhenAtMost(HighWaterBytes);

    /// <summary>Completes when all of it is sent, or the connection has ended.</summary>
    public Task WhenDrained() => WhenAtMost(0);

    /// <summary>Drops what is waiting; from now on nothing is written.</summary>
    public void End()
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            if (_ended) return;
            _ended = true;
            _gathering.Clear();
            drained = _drained;
        }
        drained?.TrySetResult();
    }

    private Task WhenAtMost(int bytes)
    {
        lock (_gate)
        {
            if (_ended || (bytes > 0 ? _gathering.Length <= bytes : !_writing)) return Task.CompletedTask;
            return (_drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private async Task WriteAll()
    {
        try
        {
            while (Next() is { } bytes)
            {
                await stream.WriteAsync(bytes).ConfigureAwait(false);
                await stream.FlushAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            // Whatever the stream throws, the connection is over; its owner says why to everybody who waits.
            failed(e);
        }
    }

    private ReadOnlyMemory<byte>? Next()
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            _sending.Clear();
            if (!_ended && _gathering.Length > 0)
            {
                (_gathering, _sending) = (_sending, _gathering);
                return _sending.Written;
            }
            _writing = false;
            drained = _drained;
            _drained = null;
        }
        drained?.TrySetResult();
        return null;
    }
}
