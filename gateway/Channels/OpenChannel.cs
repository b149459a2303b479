using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>
/// A channel whose CONNECT was accepted: what each packet of the client does to its session, and what waits there on its way out.
/// </summary>
internal sealed class OpenChannel : ChannelPhase
{
    private readonly ChannelServices _services;
    private readonly ISessionConnection _owner;
    private readonly Session _session;
    private readonly ReplyWriter _replies;
    private readonly PublishWriter _messages;
    private readonly PublishHandler _publish;
    private readonly PublishRate _rate;
    private readonly int _maxOwed;

    /// <summary>1: another turn is on its way.</summary>
    private int _goesOn;

    public OpenChannel(ChannelServices services, ISessionConnection owner, Session session, ReplyWriter replies, ConnectRequest request)
    {
        (_services, _owner, _session, _replies) = (services, owner, session, replies);
        KeepAliveSeconds = ConnectHandshake.KeepAlive(request, services.Options);
        _messages = new PublishWriter(replies.Version, replies.MaxPacketBytes, request.TopicAliasMaximum);
        var denials = new DenialLog(session, services.Metrics, services.Log);
        Answers = new PublishAnswers(services, owner, session, replies);
        _publish = new PublishHandler(services, session, replies.Version, Answers, denials);
        Subscriptions = new SubscribeHandler(services, session, replies, denials);
        _rate = new PublishRate(services.Options, session.Identity.Kind);
        // 5.0 has a maximum of its own for PUBLISH, and what goes beyond that must be read to be refused: this is for all the rest.
        _maxOwed = services.Sessions.ReceiveMaximum * (replies.Version == MqttVersion.V5 ? 2 : 1);
    }

    public override Session Session => _session;

    public PublishAnswers Answers { get; }

    public SubscribeHandler Subscriptions { get; }

    /// <summary>As agreed in CONNACK.</summary>
    public int KeepAliveSeconds { get; }

    /// <summary>The client publishes too fast: nothing is read until <see cref="ChannelEffect.Pause"/> is over.</summary>
    public bool IsPausing { get; set; }

    /// <summary>
    /// So many of the client's packets wait for their answers that no more are read until there are fewer. None of these answers waits for
    /// the client, so this ends without it. What a client has not released yet is not counted: its PUBREL may come behind what is not read.
    /// </summary>
    public bool IsHeld => Answers.Owed + Subscriptions.Owed >= _maxOwed;

    /// <summary>Why the client wants the connection to end, once it has said so.</summary>
    public EndCause? Goodbye { get; private set; }

    /// <exception cref="MqttProtocolException">The connection must end.</exception>
    /// <exception cref="NotAllowedException">The connection must end because of the policy.</exception>
    public void Handle(scoped in Packet packet, ChannelTurn turn)
    {
        var version = _replies.Version;
        packet.DemandSentBy(Sender.Client, version);
        switch (packet.Type)
        {
            case PacketType.Publish:
                _publish.Receive(packet, turn);
                Pace(packet.Body.Length, turn);
                break;
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubComp:
                Acknowledge(AckPacket.Parse(packet, version), turn);
                break;
            case PacketType.PubRel:
                Answers.PubRel(AckPacket.Parse(packet, version).PacketId, turn);
                break;
            case PacketType.Subscribe:
                Subscriptions.Subscribe(packet, turn);
                break;
            case PacketType.Unsubscribe:
                Subscriptions.Unsubscribe(packet, turn);
                break;
            case PacketType.PingReq:
                PingPacket.WriteResponseTo(turn.Output);
                break;
            case PacketType.Disconnect:
                Disconnect(DisconnectPacket.Parse(packet, version, Sender.Client));
                break;
            case PacketType.Connect:
                throw new MqttProtocolException(ReasonCode.ProtocolError, "A second CONNECT [MQTT-3.1.0-2].");
            case PacketType.Auth:
                AuthPacket.Parse(packet);
                throw new MqttProtocolException(ReasonCode.ProtocolError, "AUTH without enhanced authentication in CONNECT (4.12).");
            default:
                throw new MqttProtocolException(ReasonCode.ProtocolError, $"{packet.Type} from a client.");
        }
    }

    /// <summary>Sends what waits in the session, as much as network and client take and a turn may look for.</summary>
    public void Send(ChannelTurn turn)
    {
        int looks = RetainedCursors.LooksPerTurn;
        while (TrySend(turn, ref looks)) { }
        if (looks == 0 && turn.Output.HasRoom && Interlocked.Exchange(ref _goesOn, 1) == 0) _ = Background.Run(GoOn);
    }

    /// <summary>Another turn, after those of other connections: a wake within this one would come before them.</summary>
    private Task GoOn()
    {
        Volatile.Write(ref _goesOn, 0);
        _owner.Wake();
        return Task.CompletedTask;
    }

    /// <returns>False if nothing waits, the network or the client takes no more, or no look is left.</returns>
    private bool TrySend(ChannelTurn turn, ref int looks)
    {
        if (!turn.Output.HasRoom || !_session.TryDequeue(_owner, turn.Now, ref looks, out var next)) return false;
        if (next.Publish is not { } delivery)
        {
            _replies.Ack(turn.Output, PacketType.PubRel, next.PacketId);
            return true;
        }
        if (_messages.TryWrite(turn.Output, delivery, next.PacketId, next.Duplicate, turn.Now))
        {
            _services.Metrics.Sent(delivery.Qos);
        }
        else
        {
            // As if it had been sent and acknowledged [MQTT-3.1.2-25].
            _services.Metrics.Dropped(DropReason.TooLarge);
            if (next.PacketId != 0) _session.Outbound.Forget(next.PacketId);
        }
        delivery.Message.Release();
        return true;
    }

    private void Pace(long bytes, ChannelTurn turn)
    {
        int pause = _rate.Spend(turn.Now, bytes);
        if (pause == 0) return;
        IsPausing = true;
        _services.Metrics.Paced();
        turn.Effects.Add(new ChannelEffect.Pause(pause));
    }

    private void Disconnect(scoped in DisconnectPacket packet)
    {
        if (packet.Properties.SessionExpiryInterval is { } expiry)
        {
            if (_session.ExpirySeconds == 0 && expiry != 0)
                throw new MqttProtocolException(ReasonCode.ProtocolError, "DISCONNECT raises a session expiry of 0 (3.14.2.2.2).");
            _session.ExpirySeconds = Math.Min(expiry, (uint)_services.Options.MaxSessionExpirySeconds);
        }
        Goodbye = packet.ReasonCode == ReasonCode.Success ? EndCause.ClientDisconnected : EndCause.ClientDisconnectedWithWill;
    }

    /// <summary>The client's word on what was sent to it. MQTT 5.0, 4.3.</summary>
    private void Acknowledge(scoped in AckPacket ack, ChannelTurn turn)
    {
        bool refused = ack.ReasonCode >= ReasonCode.UnspecifiedError;
        var result = ack.Type switch
        {
            PacketType.PubAck => _session.Outbound.PubAck(ack.PacketId),
            PacketType.PubRec => _session.Outbound.PubRec(ack.PacketId, refused),
            _ => _session.Outbound.PubComp(ack.PacketId),
        };
        if (result == AckResult.WrongKind)
            throw new MqttProtocolException(ReasonCode.ProtocolError, $"{ack.Type} for a message that awaits another answer (4.3).");
        // What waits for the store goes out when the session is drained.
        if (ack.Type == PacketType.PubRec && !refused && result != AckResult.Later)
            _replies.Ack(
                turn.Output, PacketType.PubRel, ack.PacketId,
                result == AckResult.Accepted ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
    }
}
