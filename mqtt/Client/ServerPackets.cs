using System.Buffers;

namespace Fleet.Mqtt;

/// <summary>What each packet of the server means to the client: messages go to its handler, acknowledgements to whoever waits.</summary>
internal sealed class ServerPackets
{
    private readonly ClientConnection _connection;
    private readonly MqttClientOptions _options;
    private readonly MqttClientSession _session;
    private readonly OutputQueue _output;
    private readonly Inbox _inbox;

    public ServerPackets(ClientConnection connection, MqttClientOptions options, MqttClientSession session, OutputQueue output)
    {
        (_connection, _options, _session, _output) = (connection, options, session, output);
        _inbox = new Inbox(options.OnMessage, Acknowledge, connection.Lost);
    }

    private MqttVersion Version => _options.ProtocolVersion;

    /// <summary>Takes a packet off the front of <paramref name="buffer"/>.</summary>
    /// <param name="room">Completes when the next one may be taken.</param>
    /// <returns>False if more bytes are needed, or nothing comes any more.</returns>
    public bool TryReceive(ref ReadOnlySequence<byte> buffer, out Task room)
    {
        room = Task.CompletedTask;
        if (!Framing.TryRead(ref buffer, _options.MaxPacketBytes, out var packet)) return false;
        packet.DemandSentBy(Sender.Server, Version);
        switch (packet.Type)
        {
            case PacketType.Publish:
                var publish = PublishPacket.Parse(packet, Version, Sender.Server);
                if (publish.Topic.IsEmpty) throw Fault.Protocol("a topic alias, of which this client allows none (3.3.2.3.4)");
                if (publish.Qos == Qos.ExactlyOnce && _session.Holds(publish.PacketId)) Write(PacketType.PubRec, publish.PacketId);
                else room = _inbox.Deliver(ClientPackets.Read(publish), publish.PacketId);
                break;
            case PacketType.PubAck:
                var puback = AckPacket.Parse(packet, Version);
                _connection.Pending.Complete(PacketType.PubAck, puback.PacketId, [puback.ReasonCode]);
                break;
            case PacketType.PubRec:
                var pubrec = AckPacket.Parse(packet, Version);
                if (_connection.Pending.Receive(pubrec.PacketId, pubrec.ReasonCode)) Write(PacketType.PubRel, pubrec.PacketId);
                break;
            case PacketType.PubRel:
                ushort released = AckPacket.Parse(packet, Version).PacketId;
                Write(PacketType.PubComp, released, _session.Release(released) ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
                break;
            case PacketType.PubComp:
                var pubcomp = AckPacket.Parse(packet, Version);
                _connection.Pending.Complete(PacketType.PubComp, pubcomp.PacketId, [pubcomp.ReasonCode]);
                break;
            case PacketType.SubAck or PacketType.UnsubAck:
                var suback = SubAckPacket.Parse(packet, Version);
                _connection.Pending.Complete(packet.Type, suback.PacketId, suback.ReasonCodes);
                break;
            case PacketType.PingResp:
                _connection.PingAnswered();
                break;
            case PacketType.Disconnect:
                var reason = DisconnectPacket.Parse(packet, Version, Sender.Server).ReasonCode;
                _connection.Close(new ClientClosed(CloseCause.DisconnectedByServer, reason));
                return false;
            default:
                throw Fault.Protocol($"{packet.Type} is not part of what this client does (4.3)");
        }
        return true;
    }

    /// <summary>No message is handled any more.</summary>
    public void End() => _inbox.End();

    private void Acknowledge(ushort packetId, Qos qos)
    {
        if (qos == Qos.ExactlyOnce) _session.Hold(packetId);
        Write(qos == Qos.ExactlyOnce ? PacketType.PubRec : PacketType.PubAck, packetId);
    }

    private void Write(PacketType type, ushort packetId, ReasonCode code = ReasonCode.Success) =>
        _output.Write((type, packetId, code, Version), static (ack, buffer) =>
            new AckPacket { Type = ack.type, PacketId = ack.packetId, ReasonCode = ack.code }.WriteTo(buffer, ack.Version));
}
