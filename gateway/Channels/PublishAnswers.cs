using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>
/// What a client is owed for what it publishes: PUBACK, PUBREC and PUBCOMP, in the order of what they answer, and none before what it
/// promises is durable (MQTT 5.0, 4.3 and 4.6).
/// </summary>
internal sealed class PublishAnswers(
    ChannelServices services, ISessionConnection owner, Session session, ReplyWriter replies)
{
    private readonly AckQueue _acks = new();

    /// <summary>
    /// QoS 2 messages of this connection that the client has not released, with what is still to answer them. They count against the
    /// receive maximum, which is the connection's (3.3.4), while the session remembers those of the connections before too.
    /// </summary>
    private Dictionary<ushort, AckTicket?>? _unreleased;

    private Dictionary<ushort, AckTicket?> Unreleased => _unreleased ??= [];

    public int Unacknowledged => _acks.AtLeastOnce + (_unreleased?.Count ?? 0);

    /// <summary>Answers that the service owes the client: nothing that the client does brings them sooner.</summary>
    public int Owed => _acks.Count;

    /// <summary>A QoS 2 message is about to be taken.</summary>
    /// <returns>False if it is a repeat.</returns>
    public bool TryBegin(ushort packetId)
    {
        if (!session.AwaitingRelease.TryHold(packetId)) return false;
        Unreleased[packetId] = null;
        return true;
    }

    /// <summary>Something is asked before this message is answered. Null: nobody waits for it, with QoS 0.</summary>
    public AckTicket? Owe(scoped in PublishPacket publish, ChannelTurn turn) =>
        publish.Qos == Qos.AtMostOnce ? null : Owe(publish.PacketId, publish.Qos, turn);

    /// <summary>The message is decided on.</summary>
    /// <param name="position">Where it is durable with all who are to have it; null: it need not be.</param>
    public void Acknowledge(
        scoped in PublishPacket publish, ChannelTurn turn, ReasonCode code, string? detail, JournalPosition? position = null)
    {
        if (publish.Qos == Qos.AtMostOnce) return;
        if (!_acks.IsEmpty || position is not null)
        {
            var ticket = Owe(publish.PacketId, publish.Qos, turn);
            (ticket.IsRouted, ticket.Position) = (position is not null, position);
            Completed(ticket, code, detail, turn);
            return;
        }
        if (code >= ReasonCode.UnspecifiedError) LetGo(publish.PacketId, publish.Qos);
        Answer(publish.PacketId, publish.Qos, code, detail, turn.Timestamp, turn);
    }

    /// <exception cref="MqttProtocolException">There is no milder way to say so: 3.1.1, or QoS 0.</exception>
    public void Refuse(scoped in PublishPacket publish, ChannelTurn turn, ReasonCode code, string detail)
    {
        if (replies.Version == MqttVersion.V311 || publish.Qos == Qos.AtMostOnce)
        {
            LetGo(publish.PacketId, publish.Qos);
            throw new MqttProtocolException(code, detail);
        }
        Acknowledge(publish, turn, code, detail);
    }

    /// <summary>
    /// Acknowledged like the first, and not routed again [MQTT-4.3.3-10]; that may have come on another connection, and not be taken by all
    /// yet.
    /// </summary>
    public void Repeat(ushort packetId, HeldMessage first, ChannelTurn turn)
    {
        if (_unreleased?.GetValueOrDefault(packetId) is { } waiting)
        {
            waiting.Repeats++;
            return;
        }
        if (first.Elsewhere is { Done.IsFaulted: true } failed)
        {
            first = first with { Elsewhere = failed with { Done = services.Broker.KeepAgain(failed.Message, session) } };
            session.AwaitingRelease.Note(packetId, first);
        }
        var taken = first.Elsewhere?.Done ?? Task.CompletedTask;
        var stored = first.Position is { } position ? services.Journal.Look(position) : JournalOutcome.Durable;
        if (taken.IsCompletedSuccessfully && _acks.IsEmpty && stored == JournalOutcome.Durable)
        {
            Answer(packetId, Qos.ExactlyOnce, ReasonCode.Success, null, turn.Timestamp, turn);
            return;
        }
        var ticket = Owe(packetId, Qos.ExactlyOnce, turn);
        (ticket.IsRouted, ticket.Position) = (true, first.Position);
        if (taken.IsCompletedSuccessfully) Completed(ticket, ReasonCode.Success, null, turn);
        else turn.Effects.Add(new ChannelEffect.AwaitDurable(taken, ticket));
    }

    /// <summary>PUBREL: the identifier may be used for another message.</summary>
    public void PubRel(ushort packetId, ChannelTurn turn)
    {
        if (_unreleased is not null && _unreleased.Remove(packetId, out var waiting) && waiting is not null)
            throw new MqttProtocolException(ReasonCode.ProtocolError, "PUBREL before PUBREC (4.3.3).");
        var code = session.AwaitingRelease.PubRel(packetId, out var position) ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
        if (position is null)
        {
            Complete(packetId, code, turn);
            return;
        }
        // Once it hears PUBCOMP the client may use the identifier for another message, which must not pass for a repeat after a kill.
        var ticket = _acks.Add(packetId, Qos.ExactlyOnce, turn.Timestamp, endsIt: true);
        (ticket.Position, ticket.Outcome) = (position, code);
        Flush(turn);
    }

    /// <summary>The answer to an effect; PUBACK or PUBREC follow when their turn comes.</summary>
    public void Completed(AckTicket ticket, ReasonCode outcome, string? detail, ChannelTurn turn)
    {
        Abandoned(ticket, outcome);
        ticket.Outcome = outcome;
        ticket.Detail = detail;
        Flush(turn);
    }

    /// <summary>
    /// The answer to an effect, of a connection that may be over: what was not taken will be sent again, and is no repeat then.
    /// </summary>
    public void Abandoned(AckTicket ticket, ReasonCode outcome)
    {
        if (outcome >= ReasonCode.UnspecifiedError)
        {
            if (!ticket.IsRouted) LetGo(ticket.PacketId, ticket.Qos);
        }
        else if (ticket.Qos == Qos.ExactlyOnce && session.AwaitingRelease.Taken(ticket.PacketId) is { } position)
        {
            ticket.Position = JournalPosition.Later(ticket.Position ?? position, position);
        }
    }

    /// <summary>
    /// Sends the acknowledgements whose turn it is, as far as what they promise is durable; the connection is woken when more is.
    /// </summary>
    public void Flush(ChannelTurn turn)
    {
        while (_acks.TryPeekReady(out var ready))
        {
            var stored = ready.Position is not { } position || ready.Outcome >= ReasonCode.UnspecifiedError
                ? JournalOutcome.Durable : services.Journal.Look(position, owner);
            if (stored == JournalOutcome.Waiting) return;
            _acks.Dequeue();
            if (stored == JournalOutcome.Refused) NotStored(ready);
            DemandAccepted(ready);
            if (ready.EndsIt)
            {
                Complete(ready.PacketId, ready.Outcome!.Value, turn);
                continue;
            }
            for (int answers = 0; answers <= ready.Repeats; answers++)
                Answer(ready.PacketId, ready.Qos, ready.Outcome!.Value, ready.Detail, ready.ReceivedAt, turn);
        }
    }

    /// <summary>A QoS 2 message that was not taken is done with: its identifier is free [MQTT-4.3.3-9].</summary>
    public void LetGo(ushort packetId, Qos qos)
    {
        if (qos != Qos.ExactlyOnce) return;
        _unreleased?.Remove(packetId);
        session.AwaitingRelease.PubRel(packetId, out _);
    }

    private AckTicket Owe(ushort packetId, Qos qos, ChannelTurn turn)
    {
        var ticket = _acks.Add(packetId, qos, turn.Timestamp);
        if (qos == Qos.ExactlyOnce) Unreleased[packetId] = ticket;
        return ticket;
    }

    private void Complete(ushort packetId, ReasonCode code, ChannelTurn turn)
    {
        DemandOwnLife();
        replies.Ack(turn.Output, PacketType.PubComp, packetId, code);
    }

    private void Answer(ushort packetId, Qos qos, ReasonCode code, string? detail, long receivedAt, ChannelTurn turn)
    {
        if (replies.Version == MqttVersion.V311 && code >= ReasonCode.UnspecifiedError)
            throw new MqttProtocolException(code, detail ?? "The message was not taken.");
        if (code < ReasonCode.UnspecifiedError) DemandOwnLife();
        if (qos == Qos.ExactlyOnce && code < ReasonCode.UnspecifiedError && _unreleased?.ContainsKey(packetId) == true)
            _unreleased[packetId] = null;
        replies.Ack(turn.Output, qos == Qos.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, packetId, code, detail);
        turn.Acknowledged.Add(receivedAt);
    }

    /// <summary>
    /// After this gateway is fenced, its routes and sessions belong to its successor, even while its former connections are still to end.
    /// It takes a new id first, so a connection under the former id must not acknowledge anything.
    /// </summary>
    private void DemandOwnLife()
    {
        if (services.Gateway.HadBefore(session.Identity.GatewayId))
            throw new MqttProtocolException(ReasonCode.ServerBusy, EndCause.Fenced.Detail);
    }

    /// <summary>
    /// The store fails: the client hears so, and what it may have of the message is what an unacknowledged message may be.
    /// </summary>
    private static void NotStored(AckTicket ticket)
    {
        if (ticket.EndsIt) throw new MqttProtocolException(ReasonCode.ImplementationSpecificError, "The session cannot be stored.");
        ticket.Outcome = ReasonCode.ImplementationSpecificError;
        ticket.Detail = "The message could not be stored; try again later.";
    }

    /// <summary>
    /// A QoS 2 message that subscribers have cannot be refused: its client would be free to send it once more. Nor may it be acknowledged;
    /// so its client comes again, and repeats it.
    /// </summary>
    private static void DemandAccepted(AckTicket ticket)
    {
        if (ticket is { IsRouted: true, Qos: Qos.ExactlyOnce, Outcome: >= ReasonCode.UnspecifiedError })
            throw new MqttProtocolException(ticket.Outcome.Value, ticket.Detail ?? "The message was not taken.");
    }
}
