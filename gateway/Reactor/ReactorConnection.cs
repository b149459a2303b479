using System.Buffers;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// A connection on a loop: its channel runs where its bytes are read, and its answers go out in one write when its turn is over; what
/// others have for it goes out in one at the end of the round. It holds memory for bytes only while a packet is cut in two or the network
/// takes no more.
/// </summary>
internal sealed class ReactorConnection : MqttConnection, IReady, ILoopWork, IDisposable
{
    private readonly ReactorLoop _loop;
    private readonly Wire _wire;
    private AnswerRoom _room;
    private PartialPacket _rest;
    private int _woken;
    private SocketInterest _interest;
    private bool _dirty, _unread, _queuedAgain, _peerEnded, _paused;

    /// <summary>Null while the channel is open, or closed in this turn.</summary>
    private Farewell? _farewell;

    /// <param name="key">Of the socket at its loop, where it is watched for input.</param>
    public ReactorConnection(ReactorLoop loop, int key, Wire wire, ConnectionServices services, ConnectionSource source)
        : base(
            services, source, new WireOutbound(services.Channel.Sessions.MaxOutboundBytes, loop.Pool, services.Metrics),
            requestsOnPool: true)
    {
        (_loop, _wire, _interest) = (loop, wire, new SocketInterest(loop, wire.Socket, key, Readiness.In));
        services.Connections.Add(this);
    }

    public void Ready(Readiness readiness) => Guard(this, readiness, static (self, readiness) =>
    {
        if ((readiness & Readiness.Out) != 0)
        {
            self._interest.Remove(Readiness.Out);
            self.MarkDirty();
            if (self._wire.ReadWantsOutput) readiness |= Readiness.In;
        }
        if ((readiness & (Readiness.In | Readiness.Error | Readiness.HangUp)) == 0 || self._peerEnded) return;
        if (self.MayRead) self.Read();
        else if ((readiness & (Readiness.Error | Readiness.HangUp)) != 0) self.Lose();
        else self._interest.Remove(Readiness.In);
    });

    /// <summary>There is more to read than the last turn took.</summary>
    public void RunAgain() => Guard(this, Readiness.None, static (self, _) =>
    {
        self._queuedAgain = false;
        if (!self.MayRead) return;
        self._unread = false;
        self.Read();
    });

    public void Tick(long now) => Guard(this, Readiness.None, static (self, _) =>
    {
        self.Channel.Tick(self.Begin());
        if (self.IsClosed) self.MarkDirty();
    });

    /// <summary>Sends what was written and what waits in the session, as far as the network takes it.</summary>
    public void Flush() => Guard(this, Readiness.None, static (self, _) =>
    {
        self._dirty = false;
        if (self._farewell is not null)
        {
            // Somebody asked for room when there was nobody to send to any more.
            self.SignalRoom();
            return;
        }
        self.Drain(self.Begin());
        self.ReadOn();
        self.Send();
    });

    public override void Wake()
    {
        if (_loop.IsCurrent) MarkDirty();
        else if (Interlocked.Exchange(ref _woken, 1) == 0) _loop.Post(this);
    }

    /// <summary>The round that <see cref="Wake"/> asked for.</summary>
    void ILoopWork.Run()
    {
        Interlocked.Exchange(ref _woken, 0);
        MarkDirty();
    }

    public override void End(EndCause cause) => Enter(new ConnectionEvent.Ending(cause));

    public void Dispose() => _wire.Dispose();

    public void Run(ConnectionEvent what) => Guard(this, what, static (self, what) => self.Handle(what));

    protected override void Enter(ConnectionEvent what) => _loop.Post(new ConnectionTurn(this, what));

    protected override Task RoomForAnswers()
    {
        if (HasRoomForAnswers) return Task.CompletedTask;
        var room = _room.Wait();
        // There may be room by now: the round that this asks for looks again.
        Wake();
        return room;
    }

    private WireOutbound Output => (WireOutbound)Outbound;

    private bool MayRead => _farewell is null && !_peerEnded && !Channel.IsPaused && Outbound.HasRoom;

    private void Handle(ConnectionEvent what)
    {
        Handle(what, Begin());
        ReadOn();
        MarkDirty();
    }

    /// <summary>The channel need not be paused any more: it goes on with what it left.</summary>
    private void ReadOn()
    {
        if (!_paused || Channel.IsPaused) return;
        _paused = false;
        if (_rest.Count > 0) Run(_rest.Array, _rest.Count);
    }

    private void Read()
    {
        int read = _rest.ReadMore(_wire, _loop, out byte[] buffer, out int count);
        if (count > _rest.Count)
        {
            Services.Metrics.BytesReceived(count - _rest.Count);
            Run(buffer, count);
            // While socket, TLS and session are in the processor's caches; unless the round has something for it already, which goes along.
            if (!_dirty) Send();
        }
        if (read > 0 && _wire.HasPending) ReadAgain();
        else if (read is WireResult.Lost or WireResult.Ended) PeerEnded();
        else if (_wire.ReadWantsOutput) _interest.Add(Readiness.Out);
    }

    /// <summary>The wire holds more, of which the socket will not tell.</summary>
    private void ReadAgain()
    {
        _unread = true;
        if (_queuedAgain) return;
        _queuedAgain = true;
        _loop.Again(this);
    }

    /// <summary>Runs the channel on the first bytes of a buffer and keeps what it leaves.</summary>
    private void Run(byte[] buffer, int count)
    {
        var bytes = new ReadOnlySequence<byte>(buffer, 0, count);
        var turn = Begin();
        Channel.Receive(ref bytes, turn);
        RecordAcks(turn);
        _rest.Keep(buffer, count, (int)bytes.Length, _loop.Pool);
        CarryOut(turn);
        _paused = Channel.IsPaused;
    }

    /// <summary>Sends what was written, and as long as there was no room for all that waits in the session, more of that.</summary>
    private void Send()
    {
        int budget = WireOutbound.MaxBytesPerRound;
        bool full = !Outbound.HasRoom;
        SendStep step;
        while ((step = Output.Send(_wire, ref budget)) == SendStep.Sent && budget > 0 && full)
        {
            Drain(Begin());
            full = !Outbound.HasRoom;
        }
        if (step == SendStep.Lost)
        {
            Lose();
            return;
        }
        // Blocked, or it is the others' turn: then the socket has room, and will say so at once.
        if (step == SendStep.Blocked || budget <= 0) _interest.Add(Readiness.Out);
        if (budget <= 0) return;
        SignalRoom();
        if (IsClosed)
        {
            Leave().Begin(_peerEnded);
        }
        else if (MayRead)
        {
            // What was sent just now had answers in it that the client was held for.
            if (_paused) MarkDirty();
            _interest.Add(Readiness.In);
            if (_unread) ReadAgain();
        }
    }

    /// <summary>
    /// Nothing more comes. What follows (a will, freeing TLS) waits for its place: when the network fails they all end at once, and the
    /// others' messages go before. Until then the socket, which would be ready all the time, is heard of once.
    /// </summary>
    private void PeerEnded()
    {
        _peerEnded = true;
        _farewell?.PeerEnded();
        _interest.HearOnce();
        if (!IsClosed) _loop.Later(new ConnectionTurn(this, new ConnectionEvent.Ending(EndCause.ConnectionLost)));
    }

    private void Lose()
    {
        Channel.Close(EndCause.ConnectionLost, Begin());
        Go();
    }

    private void Go()
    {
        (_farewell ?? Leave()).Go();
        SignalRoom();
    }

    /// <summary>The channel is closed: what is left to do with the socket is the farewell's.</summary>
    private Farewell Leave()
    {
        _rest.Clear(_loop.Pool);
        return _farewell = new Farewell(_loop, _interest.End(), _wire, Output, this);
    }

    private void MarkDirty()
    {
        if (!_dirty) _loop.MarkDirty(this);
        _dirty = true;
    }

    private void SignalRoom()
    {
        if (_room.IsAwaited && HasRoomForAnswers) _room.Signal();
    }

    protected override void Abandon()
    {
        if (!IsClosed) Channel.Close(EndCause.Failed("The server failed."), Begin());
        Go();
    }

    private ChannelTurn Begin() => _loop.Turn.Begin(Outbound, _loop.NowMs, _loop.Timestamp);
}
