using Fleet.Gateway.Telemetry;

namespace Fleet.Gateway.Transport;

/// <summary>What a pump asks of its connection. All but <see cref="Failed"/> under the connection's lock.</summary>
internal interface IPumped
{
    bool IsClosed { get; }

    /// <summary>More waits in the session than answers should be added to.</summary>
    bool IsBacklogged { get; }

    /// <summary>Writes what waits in the session, as far as there is room.</summary>
    void Drain();

    /// <summary>The transport took no more.</summary>
    void Failed(Exception e);
}

/// <summary>
/// The way out of a connection: one write at a time, each with all that was written meanwhile. Whoever produces more than the network takes
/// can wait here for room; nobody else ever waits.
/// </summary>
/// <param name="gate">The connection's lock.</param>
internal sealed class OutputPump(
    Lock gate, Outbound outbound, ITransportOutput output, IPumped connection, TimeProvider time, GatewayMetrics metrics)
{
    /// <summary>How long the last words may take.</summary>
    private static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    private TaskCompletionSource? _readRoom, _answerRoom, _flushed;
    private bool _flushing, _broken;

    /// <summary>Sends what was written and what waits in the session. Returns at once.</summary>
    public void Pump()
    {
        lock (gate)
        {
            if (_flushing) return;
            connection.Drain();
            Signal(over: _broken);
            if (outbound.IsEmpty || _broken) return;
            _flushing = true;
        }
        _ = Flush();
    }

    /// <summary>Completes when the network has taken enough of what was written.</summary>
    /// <param name="forAnswers">
    /// Wait for what is queued in the session too. The reader must not: a queue may be waiting for acknowledgements that only it can read.
    /// </param>
    public Task Room(bool forAnswers)
    {
        lock (gate)
        {
            if (HasRoom(forAnswers) || connection.IsClosed || _broken) return Task.CompletedTask;
            ref var room = ref forAnswers ? ref _answerRoom : ref _readRoom;
            return (room ??= NewSource()).Task;
        }
    }

    /// <summary>The connection is over: nobody has to wait for room any more.</summary>
    public void Release()
    {
        lock (gate) Signal(over: true);
    }

    /// <summary>Waits, not for long, until the last words are out.</summary>
    public async Task Farewell()
    {
        Task flushed;
        lock (gate) flushed = _flushing ? (_flushed ??= NewSource()).Task : Task.CompletedTask;
        try
        {
            await flushed.WaitAsync(FarewellTimeout, time);
        }
        catch (TimeoutException)
        {
            output.Abort();
        }
    }

    private async Task Flush()
    {
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> bytes;
                lock (gate)
                {
                    outbound.Sent();
                    connection.Drain();
                    Signal(over: false);
                    if (!outbound.TryBeginSend(out bytes))
                    {
                        _flushing = false;
                        Interlocked.Exchange(ref _flushed, null)?.SetResult();
                        return;
                    }
                }
                await output.Write(bytes);
                metrics.BytesSent(bytes.Length);
            }
        }
        catch (Exception e)
        {
            connection.Failed(e);
            lock (gate)
            {
                _broken = true;
                _flushing = false;
                Signal(over: true);
                Interlocked.Exchange(ref _flushed, null)?.SetResult();
            }
            output.Abort();
        }
    }

    private bool HasRoom(bool forAnswers) => outbound.HasRoom && !(forAnswers && connection.IsBacklogged);

    private void Signal(bool over)
    {
        if (_readRoom is not null && (over || HasRoom(forAnswers: false))) Interlocked.Exchange(ref _readRoom, null)!.SetResult();
        if (_answerRoom is not null && (over || HasRoom(forAnswers: true))) Interlocked.Exchange(ref _answerRoom, null)!.SetResult();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
