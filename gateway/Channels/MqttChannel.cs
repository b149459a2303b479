using System.Buffers;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>
/// The MQTT state machine of one connection, 3.1.1 and 5.0. Bytes or an event in; replies, effects and perhaps the end out. It holds no
/// socket, clock or grain and never waits, so that any transport can drive it: one turn at a time.
/// </summary>
internal sealed class MqttChannel(ChannelServices services, ISessionConnection owner, long openedAt)
{
    private readonly PacketScratch _scratch = new();
    private readonly ReplyWriter _replies = new(services.Options.RevealReasons);
    private ChannelPhase _phase = ChannelPhase.AwaitingConnect.Instance;
    private long _heardAt = openedAt;

    /// <summary>Null until CONNECT was accepted.</summary>
    public Session? Session => _phase.Session;

    /// <summary>Why the channel is closed; null while it is not.</summary>
    public EndCause? Ended => (_phase as ChannelPhase.Ended)?.Cause;

    /// <summary>
    /// The client was told why the connection ends, and closes it once it has read so; to close on what it still sends would take the words
    /// back.
    /// </summary>
    public bool HasSaidLastWords => _replies.HasSaidLastWords;

    /// <summary>True while what the client sends must wait: for the answer to CONNECT, its rate, or answers that it is owed.</summary>
    public bool IsPaused => IsHeld || _phase is OpenChannel { IsPausing: true } or ChannelPhase.Deciding or ChannelPhase.Opening;

    /// <inheritdoc cref="OpenChannel.IsHeld"/>
    public bool IsHeld => _phase is OpenChannel { IsHeld: true };

    /// <summary>CONNECT was accepted and answered, and the connection has not ended.</summary>
    public bool IsOpen => _phase is OpenChannel;

    /// <summary>
    /// CONNACK goes out at this position of the journal: <see cref="Opened"/> is to say so. Null if there is nothing to wait for.
    /// </summary>
    public JournalPosition? OpensAt => (_phase as ChannelPhase.Opening)?.Position;

    /// <summary>
    /// Takes whole packets off the front of <paramref name="buffer"/>; what is left needs more bytes, or the end of a pause.
    /// </summary>
    public void Receive(ref ReadOnlySequence<byte> buffer, ChannelTurn turn)
    {
        bool wasHeld;
        do
        {
            ReceivePackets(ref buffer, turn);
            wasHeld = IsHeld;
            Drain(turn);
        }
        // What has become durable meanwhile may have ended the hold: nobody else goes on with the packets that it left.
        while (wasHeld && !IsPaused);
    }

    private void ReceivePackets(ref ReadOnlySequence<byte> buffer, ChannelTurn turn)
    {
        try
        {
            if (_phase is ChannelPhase.AwaitingConnect) ReceiveConnect(ref buffer, turn);
            if (_phase is OpenChannel open) Receive(open, ref buffer, turn);
        }
        catch (MqttProtocolException e)
        {
            Fail(e.Reason, e.Message, turn);
        }
        catch (NotAllowedException e)
        {
            Close(EndCause.Forbidden(e.Message), turn);
        }
        if (_phase is ChannelPhase.Ended) buffer = buffer.Slice(buffer.End);
    }

    /// <summary>The answer to <see cref="ChannelEffect.Authorise"/>.</summary>
    public void Decided(ConnectDecision decision, ChannelTurn turn)
    {
        if (_phase is not ChannelPhase.Deciding { Request: var request }) return;
        if (decision is ConnectDecision.Refused refused) Refuse(refused.Code, EndCause.Forbidden(refused.Detail), turn);
        else Attach(request, ((ConnectDecision.Accepted)decision).Identity, turn);
        Drain(turn);
    }

    /// <summary>The session is stored, or cannot be.</summary>
    public void Opened(bool durable, ChannelTurn turn)
    {
        if (_phase is not ChannelPhase.Opening opening) return;
        if (durable) Open(opening, turn);
        else Refuse(ReasonCode.ServerUnavailable, EndCause.NotOpened("The session cannot be stored; try again later."), turn);
        Drain(turn);
    }

    /// <summary>The answer to an effect that had a ticket.</summary>
    public void Completed(AckTicket ticket, ReasonCode outcome, string? detail, ChannelTurn turn)
    {
        if (_phase is not OpenChannel open)
        {
            (_phase as ChannelPhase.Ended)?.Was?.Answers.Abandoned(ticket, outcome);
            return;
        }
        try
        {
            open.Answers.Completed(ticket, outcome, detail, turn);
        }
        catch (MqttProtocolException e)
        {
            Fail(e.Reason, e.Message, turn);
        }
    }

    /// <summary>The answer to <see cref="ChannelEffect.Pause"/>.</summary>
    public void Resume(ChannelTurn turn)
    {
        if (_phase is not OpenChannel open) return;
        open.IsPausing = false;
        _heardAt = turn.Now;
    }

    /// <summary>The answer to <see cref="ChannelEffect.AwaitRoutes"/>.</summary>
    public void Subscribed(PendingSubscribe pending, ChannelTurn turn)
    {
        (_phase as OpenChannel)?.Subscriptions.Complete(pending, turn);
        Drain(turn);
    }

    /// <summary>Sends what waits in the session, as much as network and client take.</summary>
    public void Drain(ChannelTurn turn)
    {
        if (_phase is not OpenChannel open) return;
        try
        {
            open.Answers.Flush(turn);
        }
        catch (MqttProtocolException e)
        {
            Fail(e.Reason, e.Message, turn);
            return;
        }
        open.Send(turn);
    }

    /// <summary>
    /// Time has passed: the time-outs of CONNECT and of its answer, and keep alive, 1.5 times what was agreed [MQTT-3.1.2-22], while the
    /// client is read.
    /// </summary>
    public void Tick(ChannelTurn turn)
    {
        if (IsHeld) _heardAt = turn.Now;
        long silent = turn.Now - _heardAt;
        if (_phase is OpenChannel { IsPausing: false } open && silent > open.KeepAliveSeconds * 1_500L)
            Close(EndCause.KeepAliveTimeout, turn);
        else if (_phase is ChannelPhase.AwaitingConnect && silent > services.Options.ConnectTimeoutSeconds * 1_000L)
            CloseSilently(EndCause.ProtocolError(ReasonCode.KeepAliveTimeout, "No CONNECT came in time."), turn);
        else if (_phase is ChannelPhase.Deciding or ChannelPhase.Opening && silent > services.Options.ConnAckTimeoutSeconds * 1_000L)
        {
            services.Log.ConnectNotAnswered(silent / 1_000);
            services.Metrics.Denied(DeniedAction.Connect);
            Refuse(ReasonCode.ServerUnavailable, EndCause.NotOpened("The service did not answer in time; try again later."), turn);
        }
    }

    /// <summary>Ends the connection from this side, with a word of why where the version has one.</summary>
    public void Close(EndCause cause, ChannelTurn turn)
    {
        if (_phase is OpenChannel && cause.Code is { } code) _replies.Disconnect(turn.Output, code, cause.Detail);
        CloseSilently(cause, turn);
    }

    private void ReceiveConnect(ref ReadOnlySequence<byte> buffer, ChannelTurn turn)
    {
        if (!ConnectHandshake.TryReadFirst(ref buffer, _scratch, _replies, turn.Output, out var packet)) return;
        _heardAt = turn.Now;
        // [MQTT-3.1.0-1]: whatever else comes first gets no answer at all.
        if (packet.Type != PacketType.Connect)
        {
            CloseSilently(EndCause.ProtocolError(ReasonCode.ProtocolError, "The first packet is not CONNECT."), turn);
            return;
        }
        var request = ConnectHandshake.Read(packet, _replies, services.Options, turn.Output);
        _phase = new ChannelPhase.Deciding(request);
        turn.Effects.Add(new ChannelEffect.Authorise(request));
    }

    private void Receive(OpenChannel open, ref ReadOnlySequence<byte> buffer, ChannelTurn turn)
    {
        while (!open.IsPausing && !open.IsHeld && Framing.TryRead(ref buffer, services.Options.MaxPacketBytes, out var packet, _scratch))
        {
            _heardAt = turn.Now;
            if (!open.Session.IsOwnedBy(owner))
            {
                // The word that it is over waits for its turn; what this client says until then would be the newer connection's.
                buffer = buffer.Slice(buffer.End);
                return;
            }
            open.Handle(packet, turn);
            if (open.Goodbye is not { } cause) continue;
            CloseSilently(cause, turn);
            return;
        }
    }

    private void Attach(ConnectRequest request, SessionIdentity identity, ChannelTurn turn)
    {
        var terms = ConnectHandshake.Terms(request, identity.Kind, services.Options);
        if (services.Directory.Attach(owner, identity, terms, turn.Now, out var refusal) is not { } attached)
        {
            Refuse(refusal!.Code, EndCause.Forbidden(refusal.Detail), turn);
            return;
        }
        var opening = new ChannelPhase.Opening(request, terms, attached.Session, attached.Present, attached.Position);
        _phase = opening;
        if (services.Journal.Look(attached.Position) == JournalOutcome.Durable) Open(opening, turn);
    }

    private void Refuse(ReasonCode code, EndCause cause, ChannelTurn turn)
    {
        _replies.ConnAck(turn.Output, sessionPresent: false, code, null, cause.Detail);
        CloseSilently(cause, turn);
    }

    private void Open(ChannelPhase.Opening opening, ChannelTurn turn)
    {
        var open = new OpenChannel(services, owner, opening.Session, _replies, opening.Request);
        _phase = open;
        _heardAt = turn.Now;
        services.Metrics.SessionOpened(open.Session.Identity.Kind);
        if (ConnectHandshake.Accept(_replies, turn.Output, opening, open.KeepAliveSeconds, services)) return;
        CloseSilently(EndCause.ProtocolError(ReasonCode.PacketTooLarge, "The client takes no packet as large as CONNACK."), turn);
    }

    private void Fail(ReasonCode code, string detail, ChannelTurn turn)
    {
        services.Log.ProtocolError(Session?.Identity.ClientId ?? "(no CONNECT yet)", code, detail);
        Close(EndCause.ProtocolError(code, detail), turn);
    }

    private void CloseSilently(EndCause cause, ChannelTurn turn)
    {
        if (_phase is ChannelPhase.Ended) return;
        if (_phase is OpenChannel open) services.Metrics.SessionClosed(open.Session.Identity.Kind);
        _phase = new ChannelPhase.Ended(cause, _phase);
        if (Session is { } session) services.Directory.Detach(session, owner, cause, turn.Now);
    }
}
