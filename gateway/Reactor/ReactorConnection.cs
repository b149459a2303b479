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
    /// <summary>For the last words, and for the peer to take note of them.</summary>
    private const long FarewellMs = 2_000;

    private const int MinReadBytes = 4 * 1024, MaxBytesPerRound = 1024 * 1024;

    private readonly ReactorLoop _loop;
    private readonly Wire _wire;
    private readonly int _key;
    private TaskCompletionSource? _room;
    private PartialPacket _rest;
    private ReadOnlyMemory<byte> _leaving;
    private int _woken;
    private long _farewellAt;
    private Readiness _interest;
    private bool _dirty, _unread, _queuedAgain, _peerEnded;

    private enum Stage
    {
        Open,

        /// <summary>The channel is closed; its last words are on their way.</summary>
        Leaving,

        /// <summary>
        /// They are out; what the peer still sends is read and dropped, since closing on it would take the last words back.
        /// </summary>
        Lingering,
        Gone,
    }

    private Stage _stage;

    /// <param name="key">Of the socket at its loop, where it is watched for input.</param>
    public ReactorConnection(ReactorLoop loop, int key, Wire wire, ConnectionServices services, ConnectionSource source)
        : base(services, source, requestsOnPool: true, loop.Pool)
    {
        _loop = loop;
        _key = key;
        _wire = wire;
        _interest = Readiness.In;
        services.Connections.Add(this);
    }

    public void Ready(Readiness readiness) => Guard(readiness, static (self, readiness) =>
    {
        if ((readiness & Readiness.Out) != 0)
        {
            self.Watch(self._interest & ~Readiness.Out);
            self.MarkDirty();
            if (self._wire.ReadWantsOutput) readiness |= Readiness.In;
        }
        if ((readiness & (Readiness.In | Readiness.Error | Readiness.HangUp)) == 0 || self.IsEnding) return;
        if (self._stage == Stage.Lingering) self.Discard();
        else if (self.MayRead) self.Read();
        else if ((readiness & (Readiness.Error | Readiness.HangUp)) != 0) self.Lose();
        else self.Watch(self._interest & ~Readiness.In);
    });

    /// <summary>There is more to read than the last turn took.</summary>
    public void RunAgain() => Guard(Readiness.None, static (self, _) =>
    {
        self._queuedAgain = false;
        if (!self.MayRead) return;
        self._unread = false;
        self.Read();
    });

    public void Tick(long now) => Guard(now, static (self, now) =>
    {
        if (self._stage == Stage.Open)
        {
            self.Channel.Tick(self.Begin());
            if (self.IsClosed) self.MarkDirty();
        }
        else if (now >= self._farewellAt)
        {
            self.Go();
        }
    });

    /// <summary>Sends what was written and what waits in the session, as far as the network takes it.</summary>
    public void Flush() => Guard(Readiness.None, static (self, _) =>
    {
        self._dirty = false;
        if (self._stage is not (Stage.Open or Stage.Leaving))
        {
            // Who asked for room when there was nobody to send to any more.
            self.SignalRoom();
            return;
        }
        self.Channel.Drain(self.Begin());
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

    public void Dispose()
    {
        _wire.Dispose();
        _rest.Clear(_loop.Pool);
    }

    protected override void Enter(ConnectionEvent what) => _loop.Post(new Event(this, what));

    protected override Task RoomForAnswers()
    {
        if (HasRoomForAnswers) return Task.CompletedTask;
        var room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        room = Interlocked.CompareExchange(ref _room, room, null) ?? room;
        // There may be room by now: the round that this asks for looks again.
        Wake();
        return room.Task;
    }

    private bool IsEnding => _peerEnded && _stage == Stage.Open;

    private bool HasRoomForAnswers => IsClosed || (Outbound.HasRoom && Channel.Session?.Outbound.IsBacklogged != true);

    private bool MayRead => _stage == Stage.Open && !_peerEnded && !Channel.IsPaused && Outbound.HasRoom;

    private void Handle(ConnectionEvent what)
    {
        bool paused = Channel.IsPaused;
        Handle(what, Begin());
        if (_stage == Stage.Gone) return;
        if (paused && !Channel.IsPaused && _rest.Count > 0) Run(_rest.Array, _rest.Count);
        MarkDirty();
    }

    private void Read()
    {
        int count = _rest.Count;
        byte[] buffer = count == 0 ? _loop.ReadBuffer : _rest.WithRoom(MinReadBytes, _loop.Pool);
        int read;
        do
        {
            read = _wire.Read(buffer.AsSpan(count));
            if (read > 0) count += read;
        }
        while (read > 0 && count < buffer.Length && _wire.HasPending);
        if (count > _rest.Count)
        {
            Services.Metrics.BytesReceived(count - _rest.Count);
            Run(buffer, count);
            // While socket, TLS and session are in the processor's caches; unless the round has something for it already, which goes along.
            if (!_dirty) Send();
        }
        if (read > 0 && _wire.HasPending) ReadAgain();
        else if (read is WireResult.Lost or WireResult.Ended) PeerEnded();
        else if (_wire.ReadWantsOutput) Watch(_interest | Readiness.Out);
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
    }

    /// <summary>Sends what was written, and as long as there was no room for all that waits in the session, more of that.</summary>
    private void Send()
    {
        int budget = MaxBytesPerRound;
        bool full = !Outbound.HasRoom;
        while (_leaving.Length > 0 || Outbound.TryBeginSend(out _leaving))
        {
            int written = _wire.Write(_leaving.Span);
            if (written == WireResult.Lost)
            {
                Lose();
                return;
            }
            if (written == WireResult.WouldBlock)
            {
                Watch(_interest | Readiness.Out);
                break;
            }
            Services.Metrics.BytesSent(written);
            _leaving = _leaving[written..];
            if (_leaving.Length > 0) continue;
            Outbound.Sent();
            if ((budget -= written) <= 0)
            {
                // The others' turn. The socket has room, so it will say so at once.
                Watch(_interest | Readiness.Out);
                return;
            }
            if (!full) break;
            Channel.Drain(Begin());
            full = !Outbound.HasRoom;
        }
        SignalRoom();
        if (IsClosed)
        {
            Leave(allOut: _leaving.Length == 0);
        }
        else if (MayRead)
        {
            Watch(_interest | Readiness.In);
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
        if (_stage == Stage.Lingering)
        {
            Go();
            return;
        }
        Watch((_interest & ~Readiness.In) | Readiness.Once);
        if (!IsClosed) _loop.Later(new Event(this, new ConnectionEvent.Ending(EndCause.ConnectionLost)));
    }

    private void Lose()
    {
        _peerEnded = true;
        Channel.Close(EndCause.ConnectionLost, Begin());
        Go();
    }

    /// <summary>The channel is closed. When all is out, the peer has a moment to take note of it.</summary>
    private void Leave(bool allOut)
    {
        if (_stage == Stage.Open)
        {
            _stage = Stage.Leaving;
            _farewellAt = _loop.NowMs + FarewellMs;
        }
        if (!allOut) return;
        if (_peerEnded)
        {
            Go();
            return;
        }
        _stage = Stage.Lingering;
        _farewellAt = _loop.NowMs + FarewellMs;
        _wire.EndOutput();
        Watch(Readiness.In);
        TellOfTheEnd();
    }

    private void Discard()
    {
        if (_wire.Read(_loop.ReadBuffer) is WireResult.Ended or WireResult.Lost) Go();
    }

    private void Go()
    {
        if (_stage == Stage.Gone) return;
        bool told = _stage == Stage.Lingering;
        _stage = Stage.Gone;
        _leaving = default;
        Outbound.Clear();
        Dispose();
        _loop.Release(_key);
        SignalRoom();
        if (!told) TellOfTheEnd();
    }

    // Grains hear of it: not on this thread.
    private void TellOfTheEnd() => ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.Over(), this, preferLocal: false);

    private void Watch(Readiness interest)
    {
        if (_interest == interest || _stage == Stage.Gone) return;
        _interest = interest;
        _loop.Modify(_wire.Socket, _key, interest);
    }

    private void MarkDirty()
    {
        if (_dirty) return;
        _dirty = true;
        _loop.MarkDirty(this);
    }

    private void SignalRoom()
    {
        if (_room is not null && HasRoomForAnswers) Interlocked.Exchange(ref _room, null)?.SetResult();
    }

    /// <summary>A fault of one connection ends that connection: it must not reach the loop.</summary>
    private void Guard<TState>(TState state, Action<ReactorConnection, TState> turn)
    {
        try
        {
            turn(this, state);
        }
        catch (Exception e)
        {
            LogFailure(e);
            if (!IsClosed) Channel.Close(EndCause.Failed("The server failed."), Begin());
            Go();
        }
    }

    private ChannelTurn Begin() => _loop.Turn.Begin(Outbound, _loop.NowMs, _loop.Timestamp);

    private sealed class Event(ReactorConnection connection, ConnectionEvent what) : ILoopWork
    {
        public void Run() => connection.Guard(what, static (self, what) => self.Handle(what));
    }
}
