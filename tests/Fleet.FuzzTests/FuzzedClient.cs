using System.Buffers;
using System.Diagnostics;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Durable;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>A client that sends what the dice say, one connection after another, and the transport between it and its channel.</summary>
internal sealed class FuzzedClient(GatewayParts parts, Dice dice) : ISessionOwner
{
    private readonly Output _output = new();
    private readonly List<ChannelEffect> _asked = [];
    private byte[] _unread = [];
    private MqttChannel? _channel;
    private ChannelTurn _turn = null!;
    private PacketMaker _maker = null!;
    private ServerWords _words = null!;
    private EndCause? _toEnd;

    public long Packets { get; private set; }

    /// <summary>What went to and fro lately, for the message of a failure.</summary>
    public Conversation Conversation { get; } = new();

    public void Step()
    {
        // Its end waits for its turn like anything else: bytes may come first.
        if (_toEnd is { } over && dice.Rarely(50)) Turn(t => _channel!.Close(over, t));
        if (_channel is null or { Ended: not null }) Open();
        switch (dice.Below(100))
        {
            case < 62: Send(); break;
            case < 80: AnswerOne(); break;
            case < 90: _output.IsFull = dice.Rarely(20); break;
            case < 94: Turn(t => _channel!.Tick(t)); break;
            case < 96: Lose(); break;
            default: Settle(); break;
        }
        if (_toEnd is { } cause) Turn(t => _channel!.Close(cause, t));
        else if (!_output.IsFull) Turn(t => _channel!.Drain(t));
    }

    /// <summary>Answers all that was asked for.</summary>
    public void Settle()
    {
        while (_asked.Count > 0) AnswerOne();
    }

    /// <summary>The connection breaks.</summary>
    public void Lose()
    {
        if (_channel is { Ended: null }) Turn(t => _channel.Close(EndCause.ConnectionLost, t));
    }

    void ISessionOwner.Wake() { }

    void ISessionOwner.End(EndCause cause) => _toEnd = cause;

    private void Open()
    {
        Settle();
        _maker = new PacketMaker(dice, is5: dice.Rarely(50));
        _words = new ServerWords();
        _turn = new ChannelTurn(_output);
        _channel = new MqttChannel(parts.Channels, this, parts.Clock.NowMs);
        Conversation.Begin();
        _unread = [];
        _toEnd = null;
        _output.IsFull = false;
        if (dice.Rarely(5)) return;
        bool broken = dice.Rarely(10);
        byte[] connect = _maker.Connect();
        if (!broken) _words.Terms = _maker.Terms;
        Deliver(broken ? Mutation.Of(connect, dice) : connect);
        if (dice.Rarely(80)) Settle();
    }

    private void Send()
    {
        byte[] bytes = [];
        if (_unread.Length == 0) _words.Heard();
        for (int i = dice.Of(1, 1, 1, 2, 5, 20); i > 0; i--)
        {
            byte[] packet = _maker.Any(_words.Owed);
            if (packet[0] >> 4 is 4 or 5 or 7 && packet.Length >= 4) _words.Answered(PacketIdOf(packet));
            if (dice.Rarely(6))
            {
                packet = Mutation.Of(packet, dice);
                _words.AnsweredAnything();
            }
            bytes = [.. bytes, .. packet];
        }
        Deliver(bytes);
    }

    /// <summary>Of a packet that begins with it: after the header byte and the remaining length, which has as many bytes as it needs.</summary>
    private static int PacketIdOf(byte[] packet)
    {
        int at = 1;
        while (packet[at++] >= 0x80) { }
        return (packet[at] << 8) | packet[at + 1];
    }

    /// <summary>In pieces, each a sequence of segments cut anywhere.</summary>
    private void Deliver(byte[] bytes)
    {
        for (int sent = 0; sent < bytes.Length && _channel!.Ended is null;)
        {
            int piece = dice.Rarely(50) ? bytes.Length - sent : dice.Below(Math.Min(bytes.Length - sent, dice.Of(4, 100, 10_000))) + 1;
            _unread = [.. _unread, .. bytes.AsSpan(sent, piece)];
            Conversation.Note('>', bytes.AsSpan(sent, piece));
            sent += piece;
            Read();
        }
    }

    private void Read()
    {
        if (_channel!.IsPaused || _channel.Ended is not null) return;
        var buffer = Segments.Of(_unread, dice);
        Turn(t => _channel.Receive(ref buffer, t));
        _unread = buffer.ToArray();
    }

    private void AnswerOne()
    {
        if (_asked.Count == 0) return;
        int at = dice.Below(_asked.Count);
        var effect = _asked[at];
        _asked.RemoveAt(at);
        switch (effect)
        {
            case ChannelEffect.Authorise { Request: var request }:
                string id = request.ClientId.Length > 0 ? request.ClientId : $"auto-{dice.Below(3)}";
                ConnectDecision decision = dice.Rarely(3) ? new ConnectDecision.Refused(ReasonCode.NotAuthorized, "The dice said so.")
                    : new ConnectDecision.Accepted(dice.Rarely(20) && ThingName.TryParse(id, out _) ? GatewayParts.Device(id) : GatewayParts.Plain(id));
                Turn(t => _channel!.Decided(decision, t));
                if (_channel!.OpensAt is { } position) Turn(t => _channel.Opened(parts.Journal.Look(position) == JournalOutcome.Durable, t));
                Read();
                break;
            case ChannelEffect.Pause:
                Turn(t => _channel!.Resume(t));
                Read();
                break;
            case ChannelEffect.Handle { Ticket: null } or ChannelEffect.AwaitDurable { Ticket: null }:
                break;
            case ChannelEffect.Handle { Ticket: { } ticket }:
                Turn(t => _channel!.Completed(ticket, dice.Rarely(10) ? ReasonCode.ImplementationSpecificError : ReasonCode.Success, null, t));
                break;
            case ChannelEffect.AwaitRoutes { Known: var known, Pending: var pending }:
                Wait(known);
                Turn(t => _channel!.Subscribed(pending, t));
                break;
            case ChannelEffect.AwaitDurable { Durable: var durable, Ticket: { } ticket }:
                Wait(durable);
                Turn(t => _channel!.Completed(ticket, ReasonCode.Success, null, t));
                break;
            default:
                throw new UnreachableException($"{effect} has no answer here.");
        }
    }

    /// <summary>Everything is served at once here; a task that does not end is a hang.</summary>
    private static void Wait(Task task)
    {
        if (!task.Wait(TimeSpan.FromSeconds(20))) throw new FuzzFailedException("A message waits for a store that is ready.");
    }

    private void Turn(Action<ChannelTurn> what)
    {
        if (_channel!.Ended is not null) return;
        using (new HeldStore(parts)) what(_turn.Begin(parts.Clock.NowMs, parts.Time.GetTimestamp()));
        _asked.AddRange(_turn.Effects);
        long before = _words.Packets;
        var said = _output.Take();
        Conversation.Note('<', said);
        _words.Hear(said);
        Packets += _words.Packets - before;
    }

    private sealed class Output : IOutbound
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public bool IsFull { get; set; }
        public bool HasRoom => !IsFull;

        public void Advance(int count) => _bytes.Advance(count);

        public Memory<byte> GetMemory(int sizeHint = 0) => _bytes.GetMemory(sizeHint);

        public Span<byte> GetSpan(int sizeHint = 0) => _bytes.GetSpan(sizeHint);

        public ReadOnlySpan<byte> Take()
        {
            var written = _bytes.WrittenSpan;
            _bytes.ResetWrittenCount();
            return written;
        }
    }
}
