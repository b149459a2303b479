using System.Buffers;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;
using static Fleet.FuzzTests.PacketBytes;

namespace Fleet.FuzzTests;

/// <summary>A client with a persistent session that does all as it should, whatever becomes of its connections.</summary>
internal abstract class HonestClient(string clientId)
{
    private readonly List<byte[]> _toSay = [];
    private FuzzTransport? _line;
    private byte[] _rest = [];
    private bool _isGreeted;
    private int _heard;

    public bool IsConnected => _isGreeted && _line is { IsOver: false };

    public void Connect(GatewayParts parts, StoreWeather weather, Dice dice)
    {
        Lose();
        (_rest, _isGreeted) = ([], false);
        _toSay.Clear();
        _line = new FuzzTransport(parts, weather, dice, _ => new ConnectDecision.Accepted(GatewayParts.Plain(clientId)), Hear);
        // Clean start 0, session expiry one day.
        _line.Send(Packet(0x10,
            new PacketBytes().Text("MQTT").Byte(5).Byte(0).Two(60).Varint(5).Byte(0x11).Four(86_400).Text(clientId).ToArray()));
    }

    public void Lose()
    {
        _line?.Lose();
        _line = null;
    }

    /// <summary>Hears what there is to hear, and says what it has to.</summary>
    /// <returns>False if there was neither.</returns>
    public bool Exchange()
    {
        if (_line is not { } line) return false;
        int before = _heard;
        line.EndIfTold();
        line.AnswerAll();
        line.Drain();
        byte[][] said = [.. _toSay];
        _toSay.Clear();
        foreach (byte[] packet in said) line.Send(packet);
        return said.Length > 0 || _heard > before;
    }

    protected void Say(int header, byte[] body) => _toSay.Add(Packet(header, body));

    /// <param name="header">With the type's fixed flags.</param>
    protected void Answer(int header, ushort packetId) => Say(header, [(byte)(packetId >> 8), (byte)packetId]);

    protected abstract void Greeted(bool sessionPresent);

    protected abstract void Handle(scoped in Packet packet);

    private void Hear(byte[] said)
    {
        _heard++;
        var buffer = new ReadOnlySequence<byte>([.. _rest, .. said]);
        while (Framing.TryRead(ref buffer, int.MaxValue, out var packet))
        {
            if (packet.Type == PacketType.ConnAck)
            {
                var answer = ConnAckPacket.Parse(packet, MqttVersion.V5);
                _isGreeted = answer.ReasonCode == ReasonCode.Success;
                if (_isGreeted) Greeted(answer.SessionPresent);
            }
            else if (packet.Type != PacketType.Disconnect) Handle(packet);
        }
        _rest = buffer.ToArray();
    }
}
