using System.Text;
using Fleet.Mqtt;

namespace Fleet.FuzzTests;

/// <summary>Is owed all that the <see cref="Teller"/> says: in order, and with QoS 2 once, whether it is there or not.</summary>
internal sealed class Keeper() : HonestClient("keeper")
{
    public const string Key = "plain/keeper";

    private readonly HashSet<int> _got = [];
    private readonly Dictionary<string, int> _last = new(StringComparer.Ordinal);
    private readonly Dictionary<ushort, int> _unreleased = [];
    private bool _hasSubscribed;

    public bool Has(int number) => _got.Contains(number);

    protected override void Greeted(bool sessionPresent)
    {
        if (sessionPresent != _hasSubscribed) throw new FuzzFailedException($"The keeper's session is {(sessionPresent ? "" : "not ")}present.");
        if (!_hasSubscribed) Say(0x82, new PacketBytes().Two(9).Varint(0).Text("kept/#").Byte(2).ToArray());
    }

    protected override void Handle(scoped in Packet packet)
    {
        switch (packet.Type)
        {
            case PacketType.SubAck:
                _hasSubscribed = true;
                break;
            case PacketType.Publish:
                var publish = PublishPacket.Parse(packet, MqttVersion.V5, Sender.Server);
                int number = int.Parse(Encoding.ASCII.GetString(publish.Payload));
                Note(Encoding.UTF8.GetString(publish.Topic), number, publish.Qos, publish.PacketId);
                break;
            case PacketType.PubRel:
                ushort released = AckPacket.Parse(packet, MqttVersion.V5).PacketId;
                _unreleased.Remove(released);
                Answer(0x70, released);
                break;
            default:
                throw new FuzzFailedException($"{packet.Type} to a subscriber.");
        }
    }

    private void Note(string topic, int number, Qos qos, ushort packetId)
    {
        Answer(qos == Qos.AtLeastOnce ? 0x40 : 0x50, packetId);
        if (qos == Qos.ExactlyOnce && !_unreleased.TryAdd(packetId, number))
        {
            if (_unreleased[packetId] != number) throw new FuzzFailedException($"Packet identifier {packetId} was {_unreleased[packetId]}, and is {number}.");
            return;
        }
        bool isNew = _got.Add(number);
        if (!isNew && qos == Qos.ExactlyOnce) throw new FuzzFailedException($"{number} came twice with QoS 2.");
        int last = _last.GetValueOrDefault(topic);
        if (isNew && number < last) throw new FuzzFailedException($"{number} came after {last} on {topic}.");
        _last[topic] = Math.Max(last, number);
    }
}
