using System.Buffers;
using System.IO.Pipelines;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Sessions;
using Microsoft.AspNetCore.Connections;

namespace Fleet.Gateway.Transport;

/// <summary>Where a connection's bytes go.</summary>
internal interface ITransportOutput
{
    ValueTask Write(ReadOnlyMemory<byte> bytes);

    /// <summary>Drops the connection at once.</summary>
    void Abort();
}

/// <summary>
/// A connection over pipes, on the thread pool: runs its turns one at a time under a lock, and sends what they wrote in one piece. Whoever
/// has something for this connection (a publisher, a timer) only wakes it.
/// </summary>
internal sealed class PipeConnection : MqttConnection, ITicked, IPumped, IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly PipeReader _input;
    private readonly ITransportOutput _output;
    private readonly OutputPump _pump;
    private readonly ChannelTurn _readTurn = new(), _eventTurn = new();
    private TaskCompletionSource? _mayReadOn;
    private bool _readerDone;
    private int _busy, _woken;

    public PipeConnection(ConnectionServices services, ConnectionSource source, PipeReader input, ITransportOutput output)
        : base(services, source, new Outbound(services.Channel.Sessions.MaxOutboundBytes, ArrayPool<byte>.Shared), requestsOnPool: false)
    {
        _input = input;
        _output = output;
        _pump = new OutputPump(_gate, Outbound, output, this, services.Clock.Time, services.Metrics);
    }

    bool IPumped.IsBacklogged => IsBacklogged;

    void IPumped.Drain()
    {
        Drain(Begin(_eventTurn));
        ReadOn();
    }

    void IPumped.Failed(Exception e)
    {
        // A pipe that was completed meanwhile says InvalidOperation: a loss like the others.
        if (!IsLoss(e) && e is not InvalidOperationException) LogFailure(e);
    }

    /// <inheritdoc cref="MqttChannel.HasSaidLastWords"/>
    public bool HasSaidLastWords => Channel.HasSaidLastWords;

    /// <summary>Serves the connection to its end.</summary>
    public async Task Run()
    {
        Services.Connections.Add(this);
        Source.Pass?.HeldBy(this);
        try
        {
            await Read();
        }
        catch (Exception e) when (IsLoss(e))
        {
            // The peer went away: the end below says so.
        }
        catch (Exception e)
        {
            LogFailure(e);
            Enter(new ConnectionEvent.Ending(EndCause.Failed("The server failed.")));
        }
        finally
        {
            Volatile.Write(ref _readerDone, true);
            Enter(new ConnectionEvent.Ending(EndCause.ConnectionLost));
            await _pump.Farewell();
            await Over();
        }
    }

    public override void Wake()
    {
        if (Interlocked.Exchange(ref _woken, 1) == 1) return;
        // Whoever is busy on this connection looks at _woken when done.
        if (Volatile.Read(ref _busy) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    /// <summary>The turn that <see cref="Wake"/> asked for. Sending also drains the session.</summary>
    void IThreadPoolWorkItem.Execute() => Guard(this, 0, static (self, _) =>
    {
        if (Interlocked.Exchange(ref self._woken, 0) == 1) self._pump.Pump();
        if (self.IsClosed) self.Stop();
    });

    public override void End(EndCause cause) => ThreadPool.UnsafeQueueUserWorkItem(
        static state => state.Self.Enter(new ConnectionEvent.Ending(state.Cause)), (Self: this, Cause: cause), preferLocal: false);

    public void Tick(long now) => Guard(this, now, static (self, now) =>
    {
        lock (self._gate) self.Channel.Tick(self._eventTurn.Begin(self.Outbound, now, 0));
        if (self.IsClosed) self.Stop();
    });

    protected override void Enter(ConnectionEvent what) => Guard(this, what, static (self, what) =>
    {
        lock (self._gate)
        {
            self.Handle(what, self.Begin(self._eventTurn));
            self.ReadOn();
        }
        // Within a turn of the reader its own flush is about to come.
        if (Volatile.Read(ref self._busy) == 0) self._pump.Pump();
        if (self.IsClosed) self.Stop();
    });

    protected override Task RoomForAnswers() => _pump.Room(forAnswers: true);

    protected override void Abandon() => _output.Abort();

    private async Task Read()
    {
        while (true)
        {
            var read = await _input.ReadAsync();
            if (IsClosed) return;
            var buffer = read.Buffer;
            long before = buffer.Length;
            Interlocked.Increment(ref _busy);
            bool paused;
            lock (_gate)
            {
                Channel.Receive(ref buffer, Begin(_readTurn));
                RecordAcks(_readTurn);
                paused = Channel.IsPaused;
            }
            Services.Metrics.BytesReceived(before - buffer.Length);
            _input.AdvanceTo(buffer.Start, paused ? buffer.Start : buffer.End);
            CarryOut(_readTurn);
            Interlocked.Decrement(ref _busy);
            Interlocked.Exchange(ref _woken, 0);
            _pump.Pump();

            await MayReadOn();
            if (IsClosed || (read.IsCompleted && !paused)) return;
            await _pump.Room(forAnswers: false);
        }
    }

    private Task MayReadOn()
    {
        lock (_gate) return Channel.IsPaused ? (_mayReadOn ??= Background.NewSource()).Task : Task.CompletedTask;
    }

    /// <summary>After each turn that may have ended a pause. Under the lock.</summary>
    private void ReadOn()
    {
        if (_mayReadOn is null || Channel.IsPaused) return;
        _mayReadOn.SetResult();
        _mayReadOn = null;
    }

    /// <summary>The channel is closed: sends its last words and lets the reader go.</summary>
    private void Stop()
    {
        _pump.Pump();
        _pump.Release();
        lock (_gate) ReadOn();
        if (Volatile.Read(ref _readerDone)) return;
        try
        {
            _input.CancelPendingRead();
        }
        catch (Exception e) when (e is ObjectDisposedException or InvalidOperationException)
        {
            // The reader ended in this very moment, which is what this is for.
        }
    }

    /// <summary>The ways in which transports say that the peer is gone.</summary>
    private static bool IsLoss(Exception e) =>
        e is IOException or OperationCanceledException or ConnectionAbortedException or ObjectDisposedException;

    private ChannelTurn Begin(ChannelTurn turn) => turn.Begin(Outbound, Services.Clock.NowMs, Services.Clock.Time.GetTimestamp());
}
