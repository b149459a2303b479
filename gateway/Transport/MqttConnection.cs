using System.IO.Pipelines;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Topics;
using Fleet.Mqtt;
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
/// Drives one <see cref="MqttChannel"/> over pipes: runs its turns one at a time, sends what they wrote in one piece, and carries out their
/// effects. Whoever has something for this connection (a publisher, a timer) only wakes it.
/// </summary>
internal sealed class MqttConnection : ISessionOwner, IPumped, IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly ConnectionServices _services;
    private readonly ConnectionSource _source;
    private readonly PipeReader _input;
    private readonly ITransportOutput _output;
    private readonly OutputPump _pump;
    private readonly ChannelTurn _readTurn, _eventTurn;
    private readonly MqttChannel _channel;
    private readonly RequestLane _lane;
    private readonly string _sessionId = Guid.NewGuid().ToString("n");
    private SessionIdentity? _identity;
    private Requester? _requester;
    private bool _readerDone;
    private int _busy, _woken;

    public MqttConnection(ConnectionServices services, ConnectionSource source, PipeReader input, ITransportOutput output)
    {
        _services = services;
        _source = source;
        _input = input;
        _output = output;
        var outbound = new Outbound(services.Options.MaxOutboundBytes);
        _readTurn = new ChannelTurn(outbound);
        _eventTurn = new ChannelTurn(outbound);
        _channel = new MqttChannel(services.Channel, this, services.Clock.NowMs);
        _pump = new OutputPump(_gate, outbound, output, this, services.Clock.Time, services.Metrics);
        _lane = new RequestLane(HandleRequest, RequestCompleted, services.Options.MaxPendingRequests);
    }

    public bool IsClosed => _channel.Ended is not null;

    bool IPumped.IsBacklogged => _channel.Session?.IsBacklogged == true;

    void IPumped.Drain() => _channel.Drain(Begin(_eventTurn));

    void IPumped.Failed(Exception e)
    {
        // A pipe that was completed meanwhile says InvalidOperation: a loss like the others.
        if (!IsLoss(e) && e is not InvalidOperationException) _services.Log.ConnectionFailed(_identity?.ClientId ?? "(no CONNECT yet)", e);
    }

    /// <summary>Serves the connection to its end.</summary>
    public async Task Run()
    {
        _services.Connections.Add(this);
        try
        {
            await Read();
        }
        catch (Exception e) when (IsLoss(e))
        {
            // The peer went away: Close below says so.
        }
        catch (Exception e)
        {
            _services.Log.ConnectionFailed(_identity?.ClientId ?? "(no CONNECT yet)", e);
            Close(EndCause.Failed("The server failed."));
        }
        finally
        {
            Volatile.Write(ref _readerDone, true);
            Close(EndCause.ConnectionLost);
            await _pump.Farewell();
            await _lane.Idle();
            _services.Connections.Remove(this);
            if (_identity is not null) _services.Life.Ended(_identity, _channel.Ended!, wasAttached: _channel.Session is not null);
        }
    }

    public void Wake()
    {
        if (Interlocked.Exchange(ref _woken, 1) == 1) return;
        // Whoever is busy on this connection looks at _woken when done.
        if (Volatile.Read(ref _busy) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    /// <summary>The turn that <see cref="Wake"/> asked for. Sending also drains the session.</summary>
    void IThreadPoolWorkItem.Execute() => Guard(static self =>
    {
        if (Interlocked.Exchange(ref self._woken, 0) == 1) self._pump.Pump();
    });

    /// <summary>Never on the caller's turn: it may hold another connection's lock.</summary>
    public void End(EndCause cause) =>
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.Self.Guard(self => self.Close(state.Cause)), (Self: this, Cause: cause), preferLocal: false);

    /// <summary>Time has passed.</summary>
    public void Tick(long now) => Guard(self =>
    {
        lock (self._gate) self._channel.Tick(self._eventTurn.Begin(now, 0));
        if (self.IsClosed) self.Stop();
    });

    /// <summary>A fault of one connection ends that connection: it must not reach the thread that happened to run it.</summary>
    private void Guard(Action<MqttConnection> turn)
    {
        try
        {
            turn(this);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void Fail(Exception e)
    {
        _services.Log.ConnectionFailed(_identity?.ClientId ?? "(no CONNECT yet)", e);
        _output.Abort();
    }

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
                _channel.Receive(ref buffer, Begin(_readTurn));
                RecordAcks(_readTurn);
                paused = _channel.IsPaused;
            }
            _services.Metrics.BytesReceived(before - buffer.Length);
            _input.AdvanceTo(buffer.Start, paused ? buffer.Start : buffer.End);

            ConnectRequest? connect = null;
            foreach (var effect in _readTurn.Effects)
            {
                switch (effect)
                {
                    case ChannelEffect.Authorise authorise: connect = authorise.Request; break;
                    case ChannelEffect.Handle request: Request(request); break;
                    case ChannelEffect.AwaitRoutes routes: _ = CompleteWhenKnown(routes); break;
                    case ChannelEffect.AwaitDurable durable: _ = CompleteWhenDurable(durable); break;
                }
            }
            Interlocked.Decrement(ref _busy);
            Interlocked.Exchange(ref _woken, 0);
            _pump.Pump();

            if (connect is not null) await Authorise(connect);
            if (IsClosed || (read.IsCompleted && !paused)) return;
            await _pump.Room(forAnswers: false);
        }
    }

    private async Task Authorise(ConnectRequest request)
    {
        var decision = await _services.Authoriser.Decide(request, _source, _sessionId);
        _identity = (decision as ConnectDecision.Accepted)?.Identity;
        lock (_gate)
        {
            _channel.Decided(decision, Begin(_eventTurn));
            if (_channel.Session is { } session) _requester = new Requester(session, this, () => _pump.Room(forAnswers: true));
        }
        _source.Pass?.Settle();
        if (_requester is not null) _services.Life.Began(_identity!);
        _pump.Pump();
    }

    private void Request(ChannelEffect.Handle request)
    {
        if (_lane.TryAdd(request)) return;
        if (request.Ticket is { } ticket)
            Complete(ticket, ReasonCode.QuotaExceeded, $"More than {_services.Options.MaxPendingRequests} requests are waiting.");
        else
            _services.Metrics.Dropped(DropReason.QueueFull);
    }

    private async ValueTask<bool> HandleRequest(ReservedRequest request)
    {
        // Late: the client has a newer connection, and was not told that this was taken.
        if (_channel.Ended == EndCause.TakenOver) return false;
        try
        {
            await _services.Requests.Handle(request, _requester!);
            return true;
        }
        catch (Exception e)
        {
            // Handlers answer what they can name; this is a bug or a broken machine. The publisher hears it in its PUBACK.
            _services.Log.RequestFailed(_identity!.ClientId, request.Topic.Text, e);
            return false;
        }
    }

    private void RequestCompleted(AckTicket? ticket, bool good)
    {
        if (ticket is not null) Complete(ticket, good ? ReasonCode.Success : ReasonCode.ImplementationSpecificError, good ? null : "The request failed.");
    }

    private async Task CompleteWhenDurable(ChannelEffect.AwaitDurable effect)
    {
        // RetainedMessages has logged a failure; here it only keeps the PUBACK from saying that all is well.
        await effect.Durable.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (effect.Ticket is null) return;
        bool good = effect.Durable.IsCompletedSuccessfully;
        Complete(effect.Ticket, good ? ReasonCode.Success : ReasonCode.UnspecifiedError, good ? null : "The message could not be stored.");
    }

    private async Task CompleteWhenKnown(ChannelEffect.AwaitRoutes effect)
    {
        await effect.Known;
        lock (_gate) _channel.Subscribed(effect.Pending, Begin(_eventTurn));
        _pump.Pump();
    }

    private void Complete(AckTicket ticket, ReasonCode outcome, string? detail)
    {
        lock (_gate)
        {
            _channel.Completed(ticket, outcome, detail, Begin(_eventTurn));
            RecordAcks(_eventTurn);
        }
        // Within a turn of the reader its own flush is about to come.
        if (Volatile.Read(ref _busy) == 0) _pump.Pump();
        if (IsClosed) Stop();
    }

    private void Close(EndCause cause)
    {
        lock (_gate) _channel.Close(cause, Begin(_eventTurn));
        Stop();
    }

    /// <summary>The channel is closed: sends its last words and lets the reader go.</summary>
    private void Stop()
    {
        _pump.Pump();
        _pump.Release();
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
    private static bool IsLoss(Exception e) => e is IOException or OperationCanceledException or ConnectionAbortedException or ObjectDisposedException;

    private ChannelTurn Begin(ChannelTurn turn) => turn.Begin(_services.Clock.NowMs, _services.Clock.Time.GetTimestamp());

    private void RecordAcks(ChannelTurn turn)
    {
        if (turn.Acknowledged.Count == 0 || !_services.Metrics.AckDurationEnabled) return;
        foreach (long receivedAt in turn.Acknowledged) _services.Metrics.Acknowledged(_services.Clock.Time.GetElapsedTime(receivedAt));
    }
}
