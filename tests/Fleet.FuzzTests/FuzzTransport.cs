using System.Buffers;
using System.Diagnostics;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>
/// One connection, between a client and its channel: cuts what is sent anywhere, runs the turns, and answers what the channel asks for in
/// any order, after the connection's end too.
/// </summary>
internal sealed class FuzzTransport : ISessionConnection
{
    public bool IsHeld => false;

    private readonly GatewayParts _parts;
    private readonly StoreWeather _weather;
    private readonly Dice _dice;
    private readonly Func<ConnectRequest, ConnectDecision> _decide;
    private readonly Action<byte[]> _hear;
    private readonly Output _output = new();
    private readonly ChannelTurn _turn;
    private readonly MqttChannel _channel;
    private readonly List<ChannelEffect> _asked = [];
    private byte[] _unread = [];
    private EndCause? _toEnd;

    /// <param name="hear">Takes what the server sends; not to be answered before it returns.</param>
    public FuzzTransport(
        GatewayParts parts, StoreWeather weather, Dice dice, Func<ConnectRequest, ConnectDecision> decide, Action<byte[]> hear)
    {
        (_parts, _weather, _dice, _decide, _hear) = (parts, weather, dice, decide, hear);
        _turn = new ChannelTurn();
        _channel = new MqttChannel(parts.Channels, this, parts.Clock.NowMs);
    }

    public bool IsOver => _channel.Ended is not null;

    /// <summary>The channel waits for an answer, or did when it ended.</summary>
    public bool HasQuestions => _asked.Count > 0;

    /// <summary>All that the client has sent was read.</summary>
    public bool HasReadAll => _unread.Length == 0;

    /// <summary>The network takes nothing for now.</summary>
    public bool IsFull
    {
        get => _output.IsFull;
        set => _output.IsFull = value;
    }

    /// <summary>In pieces, each a sequence of segments cut anywhere.</summary>
    public void Send(byte[] bytes)
    {
        for (int sent = 0; sent < bytes.Length && !IsOver;)
        {
            int piece = _dice.Rarely(50) ? bytes.Length - sent : _dice.Below(Math.Min(bytes.Length - sent, _dice.Of(4, 100, 10_000))) + 1;
            _unread = [.. _unread, .. bytes.AsSpan(sent, piece)];
            sent += piece;
            Read();
        }
    }

    /// <summary>Answers one of the channel's questions.</summary>
    /// <returns>False if there is none, or its answer is not known yet.</returns>
    public bool AnswerOne()
    {
        if (_channel is { Ended: null, OpensAt: { } position }
            && _parts.Journal.Look(position) is not JournalOutcome.Waiting and var opened)
        {
            Turn(t => _channel.Opened(opened == JournalOutcome.Durable, t));
            Read();
            return true;
        }
        if (_asked.Count == 0) return false;
        int at = _dice.Below(_asked.Count);
        var effect = _asked[at];
        if (effect is ChannelEffect.AwaitDurable { Durable: var durable } && !IsKnown(durable)) return false;
        if (effect is ChannelEffect.AwaitRoutes { Known: var known } && !IsKnown(known)) return false;
        _asked.RemoveAt(at);
        Answer(effect);
        Read();
        return true;
    }

    public void AnswerAll()
    {
        while (AnswerOne()) { }
    }

    public void Drain()
    {
        if (IsOver || IsFull) return;
        Turn(_channel.Drain);
        Read();
    }

    public void Tick()
    {
        if (!IsOver) Turn(_channel.Tick);
    }

    /// <summary>The connection breaks.</summary>
    public void Lose()
    {
        if (!IsOver) Turn(t => _channel.Close(EndCause.ConnectionLost, t));
    }

    /// <summary>Its end waits for its turn like anything else: bytes may come first.</summary>
    public void EndIfTold()
    {
        if (_toEnd is { } cause && !IsOver) Turn(t => _channel.Close(cause, t));
    }

    void IJournalWaiter.Wake() { }

    void ISessionConnection.End(EndCause cause) => _toEnd = cause;

    private void Read()
    {
        if (_channel.IsPaused || IsOver) return;
        var buffer = Segments.Of(_unread, _dice);
        Turn(t => _channel.Receive(ref buffer, t));
        _unread = buffer.ToArray();
    }

    private void Answer(ChannelEffect effect)
    {
        switch (effect)
        {
            case ChannelEffect.Authorise { Request: var request }:
                var decision = _decide(request);
                Turn(t => _channel.Decided(decision, t));
                AnswerOpening();
                break;
            case ChannelEffect.Pause:
                Turn(_channel.Resume);
                Read();
                break;
            case ChannelEffect.Handle { Ticket: null } or ChannelEffect.AwaitDurable { Ticket: null }:
                break;
            case ChannelEffect.Handle { Ticket: { } ticket }:
                var outcome = _dice.Rarely(10) ? ReasonCode.ImplementationSpecificError : ReasonCode.Success;
                Turn(t => _channel.Completed(ticket, outcome, null, t));
                break;
            case ChannelEffect.AwaitRoutes { Pending: var pending }:
                Turn(t => _channel.Subscribed(pending, t));
                break;
            case ChannelEffect.AwaitDurable { Durable: var durable, Ticket: { } ticket }:
                var stored = durable.IsCompletedSuccessfully ? ReasonCode.Success : ReasonCode.UnspecifiedError;
                Turn(t => _channel.Completed(ticket, stored, null, t));
                break;
            default:
                throw new UnreachableException($"{effect} has no answer here.");
        }
    }

    /// <summary>In fine weather everything is served at once, and a task that does not end is a hang.</summary>
    private bool IsKnown(Task task)
    {
        if (task.IsCompleted || _weather.Now != Weather.Fine) return task.IsCompleted;
        if (!((IAsyncResult)task).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(20)))
            throw new FuzzFailedException("A message waits for a store that is ready.");
        return true;
    }

    private void AnswerOpening()
    {
        if (_channel.OpensAt is not null) AnswerOne();
        else Read();
    }

    private void Turn(Action<ChannelTurn> what)
    {
        _weather.During(() => what(_turn.Begin(_output, _parts.Clock.NowMs, _parts.Time.GetTimestamp())));
        _asked.AddRange(_turn.Effects);
        if (_output.Drain() is { Length: > 0 } said) _hear(said);
    }

    private sealed class Output : IOutbound
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public bool IsFull { get; set; }
        public bool HasRoom => !IsFull;

        public void Advance(int count) => _bytes.Advance(count);

        public Memory<byte> GetMemory(int sizeHint = 0) => _bytes.GetMemory(sizeHint);

        public Span<byte> GetSpan(int sizeHint = 0) => _bytes.GetSpan(sizeHint);

        public byte[] Drain()
        {
            byte[] written = _bytes.WrittenSpan.ToArray();
            _bytes.ResetWrittenCount();
            return written;
        }
    }
}
