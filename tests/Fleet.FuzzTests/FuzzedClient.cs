using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>A client that sends what the dice say, one connection after another.</summary>
internal sealed class FuzzedClient(GatewayParts parts, StoreWeather weather, Dice dice)
{
    /// <summary>Connections that are over, and were not answered all they asked for.</summary>
    private readonly List<FuzzTransport> _over = [];
    private FuzzTransport? _line;
    private PacketMaker _maker = null!;
    private ServerWords _words = null!;

    public long Packets { get; private set; }

    /// <summary>What went to and fro lately, for the message of a failure.</summary>
    public Conversation Conversation { get; } = new();

    public void Step()
    {
        if (_over.Count > 0 && dice.Rarely(30)) AnswerLate(_over[dice.Below(_over.Count)]);
        if (dice.Rarely(50)) _line?.EndIfTold();
        if (_line is null or { IsOver: true }) Open();
        var line = _line!;
        switch (dice.Below(100))
        {
            case < 62: Send(line); break;
            case < 80: line.AnswerOne(); break;
            case < 90: line.IsFull = dice.Rarely(20); break;
            case < 94: line.Tick(); break;
            case < 96: line.Lose(); break;
            default: line.AnswerAll(); break;
        }
        line.EndIfTold();
        line.Drain();
    }

    /// <summary>The connection breaks, and all that was asked for is answered; in fine weather.</summary>
    public void End()
    {
        if (_line is { } line) _over.Add(line);
        _line = null;
        foreach (var over in _over)
        {
            over.AnswerAll();
            over.Lose();
        }
        _over.Clear();
    }

    private void Open()
    {
        if (_line is { HasQuestions: true } last) _over.Add(last);
        _maker = new PacketMaker(dice, is5: dice.Rarely(50));
        var words = _words = new ServerWords();
        Conversation.Begin();
        _line = new FuzzTransport(parts, weather, dice, Decide, said => Hear(words, said));
        if (dice.Rarely(5)) return;
        bool broken = dice.Rarely(10);
        byte[] connect = _maker.Connect();
        if (!broken) words.Terms = _maker.Terms;
        Say(_line, broken ? Mutation.Of(connect, dice) : connect);
        if (dice.Rarely(80)) _line.AnswerAll();
    }

    private void AnswerLate(FuzzTransport line)
    {
        line.AnswerOne();
        if (!line.HasQuestions) _over.Remove(line);
    }

    private ConnectDecision Decide(ConnectRequest request)
    {
        string id = request.ClientId.Length > 0 ? request.ClientId : $"auto-{dice.Below(3)}";
        return dice.Rarely(3) ? new ConnectDecision.Refused(ReasonCode.NotAuthorized, "The dice said so.")
            : new ConnectDecision.Accepted(
                dice.Rarely(20) && ThingName.TryParse(id, out _) ? GatewayParts.Device(id) : GatewayParts.Plain(id));
    }

    private void Send(FuzzTransport line)
    {
        byte[] bytes = [];
        if (line.HasReadAll) _words.Heard();
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
        Say(line, bytes);
    }

    private void Say(FuzzTransport line, byte[] bytes)
    {
        Conversation.Note('>', bytes);
        line.Send(bytes);
    }

    private void Hear(ServerWords words, byte[] said)
    {
        long before = words.Packets;
        Conversation.Note('<', said);
        words.Hear(said);
        Packets += words.Packets - before;
    }

    /// <summary>
    /// Of a packet that begins with it: after the header byte and the remaining length, which has as many bytes as it needs.
    /// </summary>
    private static int PacketIdOf(byte[] packet)
    {
        int at = 1;
        while (packet[at++] >= 0x80) { }
        return (packet[at] << 8) | packet[at + 1];
    }
}
