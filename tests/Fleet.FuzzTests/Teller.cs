using System.Text;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>
/// Publishes numbers for the <see cref="Keeper"/>, with QoS 1, QoS 2, and retained. What is not acknowledged it sends again on its next connection. An
/// acknowledgement for what is not durable is a failure, there and then.
/// </summary>
internal sealed class Teller(Keeper keeper) : HonestClient("teller")
{
    private const int Window = 5;

    /// <summary>By number; true: PUBREC has come.</summary>
    private readonly SortedDictionary<int, bool> _open = [];
    private readonly List<int> _acknowledged = [];
    private GatewayParts _parts = null!;
    private int _last;

    /// <summary>What went before was for a process that is gone, and for the store that it knew.</summary>
    private int _lastOfOldLife;

    /// <summary>May wait for the keeper, that it has not looked for.</summary>
    public int Waiting { get; private set; }

    public IEnumerable<int> Acknowledged => _acknowledged;

    public void Connect(GatewayParts parts, StoreWeather weather, Dice dice, bool isNewLife)
    {
        _parts = parts;
        if (isNewLife) _lastOfOldLife = _last;
        Connect(parts, weather, dice);
    }

    public void Tell()
    {
        if (!IsConnected || _open.Count >= Window) return;
        _open.Add(++_last, false);
        Publish(_last, again: false);
    }

    public void KeeperHasAll() => Waiting = 0;

    private static Qos QosOf(int number) => number % 2 == 0 ? Qos.ExactlyOnce : Qos.AtLeastOnce;

    private static bool IsRetained(int number) => number % 5 == 0;

    private static string TopicOf(int number) => $"kept/{(IsRetained(number) ? "r" : "t")}{(int)QosOf(number)}";

    private static ushort IdOf(int number) => (ushort)((number % 60_000) + 1);

    protected override void Greeted(bool sessionPresent)
    {
        foreach (var (number, received) in _open)
        {
            if (received) Answer(0x62, IdOf(number));
            else Publish(number, again: true);
        }
    }

    protected override void Handle(scoped in Packet packet)
    {
        var ack = AckPacket.Parse(packet, MqttVersion.V5);
        // What was refused is not said again: whoever has it has it once.
        ushort id = ack.PacketId;
        int number = _open.Keys.FirstOrDefault(open => IdOf(open) == id);
        if (number == 0) throw new FuzzFailedException($"{packet.Type} {ack.PacketId} for nothing that was sent.");
        bool refused = ack.ReasonCode >= ReasonCode.UnspecifiedError;
        if (!refused && packet.Type != PacketType.PubComp) DemandDurable(number, packet.Type);
        switch (packet.Type)
        {
            case PacketType.PubRec when !refused:
                _open[number] = true;
                Answer(0x62, ack.PacketId);
                return;
            case PacketType.PubAck when !refused: break;
            case PacketType.PubComp: break;
            case PacketType.PubAck or PacketType.PubRec: _open.Remove(number); return;
            default: throw new FuzzFailedException($"{packet.Type} to a publisher.");
        }
        _open.Remove(number);
        _acknowledged.Add(number);
    }

    private void DemandDurable(int number, PacketType type)
    {
        if (!keeper.Has(number) && !_parts.Sessions.Owed(Keeper.Key).Contains($"{number}"))
            throw new FuzzFailedException($"{type} for {number}, which nobody has and the store does not know.");
        if (!IsRetained(number) || number <= _lastOfOldLife) return;
        // Of several that are written at once, the last is.
        lock (_parts.Store.Written)
        {
            if (!_parts.Store.Written.Any(written => written.Split('=') is [var topic, var value] && topic == TopicOf(number) && int.Parse(value) >= number))
                throw new FuzzFailedException($"{type} for {number}, which is retained, and not stored.");
        }
    }

    private void Publish(int number, bool again)
    {
        Waiting++;
        int header = 0x30 | (again ? 8 : 0) | ((int)QosOf(number) << 1) | (IsRetained(number) ? 1 : 0);
        Say(header, new PacketBytes().Text(TopicOf(number)).Two(IdOf(number)).Varint(0).Raw(Encoding.ASCII.GetBytes($"{number}")).ToArray());
    }
}
