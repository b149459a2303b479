using System.Buffers;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>
/// The MQTT state machine of one connection, 3.1.1 and 5.0. Bytes or an event in; replies, effects and perhaps the end out. It holds no
/// socket, clock or grain and never waits, so that any transport can drive it: one turn at a time.
/// </summary>
internal sealed class MqttChannel(ChannelServices services, ISessionOwner owner, long openedAt)
{
    /// <summary>Bounds are tighter until a CONNECT was accepted (spec/security.md, 6.3).</summary>
    private const int MaxConnectBytes = 16 * 1024;

    private readonly PacketScratch _scratch = new();
    private readonly ReplyWriter _replies = new(services.Options.RevealReasons);
    private readonly PublishRate _rate = new(services.Options);
    private ConnectRequest? _request;
    private PublishWriter? _messages;
    private SessionTerms? _terms;
    private bool _present;
    private PublishHandler? _publish;
    private PublishAnswers? _answers;
    private SubscribeHandler? _subscribe;
    private long _heardAt = openedAt, _keepAliveMs;
    private bool _pausing;

    private enum Phase { AwaitingConnect, Authorising, Opening, Open, Closed }

    private Phase _phase;

    /// <summary>Null until CONNECT was accepted.</summary>
    public Session? Session { get; private set; }

    /// <summary>Why the channel is closed; null while it is not.</summary>
    public EndCause? Ended { get; private set; }

    /// <summary>
    /// The client was told why the connection ends, and closes it once it has read so; to close on what it still sends would take the words
    /// back.
    /// </summary>
    public bool HasSaidLastWords => _replies.HasSaidLastWords;

    /// <summary>True while what the client sends must wait: for the answer to CONNECT, or because it publishes too fast.</summary>
    public bool IsPaused => _phase is Phase.Authorising or Phase.Opening || _pausing;

    /// <summary>CONNECT was accepted and answered, and the connection has not ended.</summary>
    public bool IsOpen => _phase == Phase.Open;

    /// <summary>
    /// The session is on its way to the store: CONNACK, which promises it, goes out at this position of the journal. <see cref="Opened"/>
    /// is to say so. Null if there is nothing to wait for.
    /// </summary>
    public JournalPosition? OpensAt { get; private set; }

    /// <summary>
    /// Takes whole packets off the front of <paramref name="buffer"/>; what is left needs more bytes, or the end of a pause.
    /// </summary>
    public void Receive(ref ReadOnlySequence<byte> buffer, ChannelTurn turn)
    {
        try
        {
            while (_phase is Phase.AwaitingConnect or Phase.Open && !_pausing
                && Framing.TryRead(
                    ref buffer, _phase == Phase.Open ? services.Options.MaxPacketBytes : MaxConnectBytes, out var packet, _scratch))
            {
                _heardAt = turn.Now;
                if (_phase == Phase.AwaitingConnect) Connect(packet, turn);
                else if (Session!.IsOwnedBy(owner)) Handle(packet, turn);
                // The word that it is over waits for its turn; what this client says until then would be the newer connection's.
                else buffer = buffer.Slice(buffer.End);
            }
        }
        catch (MqttProtocolException e)
        {
            if (_phase == Phase.AwaitingConnect && e.Reason == ReasonCode.PacketTooLarge && ConnectHandshake.BeginsAsFive(buffer))
            {
                _replies.Version = MqttVersion.V5;
                _replies.ConnAck(turn.Output, sessionPresent: false, e.Reason, null, e.Message);
            }
            Fail(e.Reason, e.Message, turn);
        }
        catch (NotAllowedException e)
        {
            Close(EndCause.Forbidden(e.Message), turn);
        }
        if (_phase == Phase.Closed) buffer = buffer.Slice(buffer.End);
        Drain(turn);
    }

    /// <summary>The answer to <see cref="ChannelEffect.Authorise"/>.</summary>
    public void Decided(ConnectDecision decision, ChannelTurn turn)
    {
        if (_phase != Phase.Authorising) return;
        if (decision is ConnectDecision.Refused refused)
        {
            _replies.ConnAck(turn.Output, sessionPresent: false, refused.Code, null, refused.Detail);
            CloseSilently(EndCause.Forbidden(refused.Detail));
            return;
        }
        Attach(((ConnectDecision.Accepted)decision).Identity, turn);
        Drain(turn);
    }

    /// <summary>The session is stored, or cannot be.</summary>
    public void Opened(bool durable, ChannelTurn turn)
    {
        if (_phase != Phase.Opening) return;
        if (durable)
        {
            Open(turn);
            Drain(turn);
            return;
        }
        const string Detail = "The session cannot be stored; try again later.";
        _replies.ConnAck(turn.Output, sessionPresent: false, ReasonCode.ServerUnavailable, null, Detail);
        CloseSilently(EndCause.NotOpened(Detail), turn.Now);
    }

    /// <summary>The answer to an effect that had a ticket.</summary>
    public void Completed(AckTicket ticket, ReasonCode outcome, string? detail, ChannelTurn turn)
    {
        if (_phase != Phase.Open)
        {
            _answers?.Abandoned(ticket, outcome);
            return;
        }
        try
        {
            _answers!.Completed(ticket, outcome, detail, turn);
        }
        catch (MqttProtocolException e)
        {
            Fail(e.Reason, e.Message, turn);
        }
    }

    /// <summary>The answer to <see cref="ChannelEffect.Pause"/>.</summary>
    public void Resume(ChannelTurn turn)
    {
        _pausing = false;
        _heardAt = turn.Now;
    }

    /// <summary>The answer to <see cref="ChannelEffect.AwaitRoutes"/>.</summary>
    public void Subscribed(PendingSubscribe pending, ChannelTurn turn)
    {
        if (_phase != Phase.Open) return;
        _subscribe!.Complete(pending, turn);
        Drain(turn);
    }

    /// <summary>Sends what waits in the session, as much as network and client take.</summary>
    public void Drain(ChannelTurn turn)
    {
        try
        {
            if (_phase == Phase.Open) _answers!.Flush(turn);
        }
        catch (MqttProtocolException e)
        {
            Fail(e.Reason, e.Message, turn);
        }
        while (_phase == Phase.Open && turn.Output.HasRoom && Session!.TryDequeue(owner, turn.Now, out var next)) Send(next, turn);
    }

    /// <summary>Time has passed: the CONNECT time-out and keep alive, 1.5 times what was agreed [MQTT-3.1.2-22].</summary>
    public void Tick(ChannelTurn turn)
    {
        long silent = turn.Now - _heardAt;
        if (_phase == Phase.AwaitingConnect && silent > services.Options.ConnectTimeoutSeconds * 1000L)
            CloseSilently(EndCause.ProtocolError(ReasonCode.KeepAliveTimeout, "No CONNECT came in time."));
        else if (_phase == Phase.Open && !_pausing && silent > _keepAliveMs + (_keepAliveMs / 2))
            Close(EndCause.KeepAliveTimeout, turn);
    }

    /// <summary>Ends the connection from this side, with a word of why where the version has one.</summary>
    public void Close(EndCause cause, ChannelTurn turn)
    {
        if (_phase == Phase.Open && cause.Code is { } code) _replies.Disconnect(turn.Output, code, cause.Detail);
        CloseSilently(cause, turn.Now);
    }

    private void Connect(scoped in Packet packet, ChannelTurn turn)
    {
        // [MQTT-3.1.0-1]: whatever else comes first gets no answer at all.
        if (packet.Type != PacketType.Connect)
        {
            CloseSilently(EndCause.ProtocolError(ReasonCode.ProtocolError, "The first packet is not CONNECT."));
            return;
        }
        try
        {
            var connect = ConnectPacket.Parse(packet);
            _replies.Version = connect.Version;
            _replies.MaxPacketBytes = connect.Properties.MaximumPacketSize ?? uint.MaxValue;
            _replies.WantsReasons = connect.Properties.RequestProblemInformation;
            _request = ConnectHandshake.Read(connect, services.Options);
        }
        catch (MqttProtocolException e) when (ConnectPacket.PeekProtocolLevel(packet) is { } level)
        {
            if (ConnectHandshake.Answers(level, e.Reason))
            {
                _replies.Version = level == (byte)MqttVersion.V5 ? MqttVersion.V5 : MqttVersion.V311;
                // No packet is larger than the client takes [MQTT-3.1.2-24], a refusal neither.
                if (_replies.Version == MqttVersion.V5)
                    _replies.MaxPacketBytes = ConnectPacket.PeekMaximumPacketSize(packet) ?? uint.MaxValue;
                _replies.ConnAck(turn.Output, sessionPresent: false, e.Reason, null, e.Message);
            }
            throw;
        }
        _phase = Phase.Authorising;
        turn.Effects.Add(new ChannelEffect.Authorise(_request));
    }

    private void Attach(SessionIdentity identity, ChannelTurn turn)
    {
        _terms = ConnectHandshake.Terms(_request!, services.Options);
        if (services.Directory.Attach(owner, identity, _terms, turn.Now, out var refusal) is not { } attached)
        {
            _replies.ConnAck(turn.Output, sessionPresent: false, refusal!.Code, null, refusal.Detail);
            CloseSilently(EndCause.Forbidden(refusal.Detail));
            return;
        }
        Session = attached.Session;
        _present = attached.Present;
        _phase = Phase.Opening;
        if (services.Journal.Look(attached.Position) == JournalOutcome.Durable) Open(turn);
        else OpensAt = attached.Position;
    }

    private void Open(ChannelTurn turn)
    {
        var (request, terms, session) = (_request!, _terms!, Session!);
        (_request, _terms, OpensAt) = (null, null, null);
        int keepAlive = ConnectHandshake.KeepAlive(request, services.Options);
        _phase = Phase.Open;
        _keepAliveMs = keepAlive * 1000L;
        _heardAt = turn.Now;
        _messages = new PublishWriter(_replies.Version, _replies.MaxPacketBytes, request.TopicAliasMaximum);
        var denials = new DenialLog(session, services.Metrics, services.Log);
        _answers = new PublishAnswers(services, owner, session, _replies.Version, _replies);
        _publish = new PublishHandler(services, session, _replies.Version, _answers, denials);
        _subscribe = new SubscribeHandler(services, session, _replies.Version, _replies, denials);
        services.Metrics.SessionOpened(session.Identity.Kind);
        bool written = _replies.ConnAck(turn.Output, _present, ReasonCode.Success, properties => ConnectHandshake.Describe(
            properties, request, terms, session.Identity.ClientId, keepAlive, services.Sessions.ReceiveMaximum, services.Options), null);
        if (!written)
        {
            CloseSilently(EndCause.ProtocolError(ReasonCode.PacketTooLarge, "The client takes no packet as large as CONNACK."), turn.Now);
        }
    }

    private void Handle(scoped in Packet packet, ChannelTurn turn)
    {
        var version = _replies.Version;
        packet.DemandSentBy(Sender.Client, version);
        switch (packet.Type)
        {
            case PacketType.Publish:
                _publish!.Receive(packet, turn);
                Pace(packet.Body.Length, turn);
                break;
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubComp:
                Acknowledge(AckPacket.Parse(packet, version), turn);
                break;
            case PacketType.PubRel:
                _answers!.PubRel(AckPacket.Parse(packet, version).PacketId, turn);
                break;
            case PacketType.Subscribe:
                _subscribe!.Subscribe(packet, turn);
                break;
            case PacketType.Unsubscribe:
                _subscribe!.Unsubscribe(packet, turn);
                break;
            case PacketType.PingReq:
                PingPacket.WriteResponseTo(turn.Output);
                break;
            case PacketType.Disconnect:
                Disconnect(DisconnectPacket.Parse(packet, version, Sender.Client), turn.Now);
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

    private void Pace(long bytes, ChannelTurn turn)
    {
        int pause = _rate.Spend(turn.Now, bytes);
        if (pause == 0) return;
        _pausing = true;
        services.Metrics.Paced();
        turn.Effects.Add(new ChannelEffect.Pause(pause));
    }

    private void Disconnect(scoped in DisconnectPacket packet, long now)
    {
        if (packet.Properties.SessionExpiryInterval is { } expiry)
        {
            if (Session!.ExpirySeconds == 0 && expiry != 0)
                throw new MqttProtocolException(ReasonCode.ProtocolError, "DISCONNECT raises a session expiry of 0 (3.14.2.2.2).");
            Session.ExpirySeconds = Math.Min(expiry, (uint)services.Options.MaxSessionExpirySeconds);
        }
        CloseSilently(packet.ReasonCode == ReasonCode.Success ? EndCause.ClientDisconnected : EndCause.ClientDisconnectedWithWill, now);
    }

    /// <summary>The client's word on what was sent to it. MQTT 5.0, 4.3.</summary>
    private void Acknowledge(scoped in AckPacket ack, ChannelTurn turn)
    {
        bool refused = ack.ReasonCode >= ReasonCode.UnspecifiedError;
        var result = ack.Type switch
        {
            PacketType.PubAck => Session!.Outbound.PubAck(ack.PacketId),
            PacketType.PubRec => Session!.Outbound.PubRec(ack.PacketId, refused),
            _ => Session!.Outbound.PubComp(ack.PacketId),
        };
        if (result == AckResult.WrongKind)
            throw new MqttProtocolException(ReasonCode.ProtocolError, $"{ack.Type} for a message that awaits another answer (4.3).");
        // What waits for the store goes out when the session is drained.
        if (ack.Type == PacketType.PubRec && !refused && result != AckResult.Later)
            _replies.Ack(
                turn.Output, PacketType.PubRel, ack.PacketId,
                result == AckResult.Accepted ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
    }

    private void Send(in Outgoing next, ChannelTurn turn)
    {
        if (next.Publish is not { } delivery)
        {
            _replies.Ack(turn.Output, PacketType.PubRel, next.PacketId);
            return;
        }
        if (_messages!.TryWrite(turn.Output, delivery, next.PacketId, next.Duplicate, turn.Now))
        {
            services.Metrics.Sent(delivery.Qos);
        }
        else
        {
            // As if it had been sent and acknowledged [MQTT-3.1.2-25].
            services.Metrics.Dropped(DropReason.TooLarge);
            if (next.PacketId != 0) Session!.Outbound.Forget(next.PacketId);
        }
        delivery.Message.Release();
    }

    private void Fail(ReasonCode code, string detail, ChannelTurn turn)
    {
        services.Log.ProtocolError(Session?.Identity.ClientId ?? "(no CONNECT yet)", code, detail);
        Close(EndCause.ProtocolError(code, detail), turn);
    }

    private void CloseSilently(EndCause cause, long? now = null)
    {
        if (_phase == Phase.Closed) return;
        bool open = _phase == Phase.Open;
        _phase = Phase.Closed;
        Ended = cause;
        OpensAt = null;
        if (open) services.Metrics.SessionClosed(Session!.Identity.Kind);
        if (Session is not null) services.Directory.Detach(Session, owner, cause, now ?? _heardAt);
    }
}
