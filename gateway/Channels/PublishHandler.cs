using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Fleet.Gateway.Durable;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Topics;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>A client's PUBLISH: limits, policy, and where it goes. The hot path: nothing is copied before somebody wants it.</summary>
internal sealed class PublishHandler(
    ChannelServices services, ISessionOwner owner, Session session, MqttVersion version, ReplyWriter replies, DenialLog denials)
{
    private readonly TopicAliases _aliases = new(services.Options.TopicAliasMaximum);
    private readonly AckQueue _acks = new();

    /// <summary>
    /// QoS 2 messages of this connection that the client has not released, with what is still to answer them. They count against the receive maximum,
    /// which is the connection's (3.3.4), while the session remembers those of the connections before too.
    /// </summary>
    private readonly Dictionary<ushort, AckTicket?> _unreleased = [];
    private PropertyBuilder? _properties;

    /// <exception cref="MqttProtocolException">The connection must end.</exception>
    /// <exception cref="NotAllowedException">The connection must end because of the policy.</exception>
    public void Receive(scoped in Packet packet, ChannelTurn turn)
    {
        var publish = PublishPacket.Parse(packet, version, Sender.Client);
        var topic = _aliases.Resolve(publish, publish.Topic);
        services.Metrics.Received(publish.Qos);
        if (publish.Qos == Qos.ExactlyOnce && session.IsUnreleased(publish.PacketId, out var held))
        {
            Repeat(publish.PacketId, held, turn);
            return;
        }
        CheckLimits(publish, topic);

        if (!session.Identity.Policy.AllowsPublish(topic, publish.Retain))
        {
            Deny(publish, topic, turn, $"policy {session.Identity.Policy.Name} does not allow it");
            return;
        }
        if (publish.Properties.PayloadIsUtf8 && !IsUtf8(publish.Payload))
        {
            Refuse(publish, turn, ReasonCode.PayloadFormatInvalid, "The payload says that it is UTF-8 and is not (3.3.2.3.2).");
            return;
        }
        if (publish.Qos == Qos.ExactlyOnce)
        {
            // Between the look above and here, a newer connection of the session may have taken it.
            if (!session.TryHold(publish.PacketId)) return;
            _unreleased[publish.PacketId] = null;
        }
        if (topic[0] == (byte)'$')
        {
            Request(publish, topic, turn);
            return;
        }
        if (session.Identity.Heartbeat is { } heartbeat && topic.SequenceEqual(heartbeat.Topic)) heartbeat.Beat(turn.Now, publish.Payload);
        Route(publish, topic, turn);
    }

    /// <summary>PUBREL: the identifier may be used for another message.</summary>
    public void Release(ushort packetId, ChannelTurn turn)
    {
        if (_unreleased.Remove(packetId, out var waiting) && waiting is not null)
            throw new MqttProtocolException(ReasonCode.ProtocolError, "PUBREL before PUBREC (4.3.3).");
        var code = session.Release(packetId, out long position) ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
        if (position == 0)
        {
            replies.Ack(turn.Output, PacketType.PubComp, packetId, code);
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

    /// <summary>Sends the acknowledgements whose turn it is, as far as what they promise is durable; the connection is woken when more is.</summary>
    public void Flush(ChannelTurn turn)
    {
        while (_acks.TryPeekReady(out var ready))
        {
            var stored = ready.Position == 0 || ready.Outcome >= ReasonCode.UnspecifiedError ? JournalOutcome.Durable : services.Journal.Look(ready.Position, owner);
            if (stored == JournalOutcome.Waiting) return;
            _acks.Dequeue();
            if (stored == JournalOutcome.Refused) NotStored(ready);
            DemandTaken(ready);
            if (ready.EndsIt) replies.Ack(turn.Output, PacketType.PubComp, ready.PacketId, ready.Outcome!.Value);
            else
            {
                for (int answers = 0; answers <= ready.Repeats; answers++)
                    Answer(ready.PacketId, ready.Qos, ready.Outcome!.Value, ready.Detail, ready.ReceivedAt, turn);
            }
        }
    }

    /// <summary>The answer to an effect of a connection that is over: what was not taken will be sent again, and is no repeat then.</summary>
    public void Abandoned(AckTicket ticket, ReasonCode outcome)
    {
        if (outcome >= ReasonCode.UnspecifiedError && !ticket.IsRouted) LetGo(ticket.PacketId, ticket.Qos);
    }

    /// <summary>Acknowledged like the first, and not routed again [MQTT-4.3.3-10]; that may have come on another connection, and not be taken by all yet.</summary>
    private void Repeat(ushort packetId, HeldMessage first, ChannelTurn turn)
    {
        if (_unreleased.GetValueOrDefault(packetId) is { } waiting)
        {
            waiting.Repeats++;
            return;
        }
        if (first.Elsewhere is { Done.IsFaulted: true } failed)
        {
            first = first with { Elsewhere = failed with { Done = services.Broker.KeepAgain(failed.Message, session) } };
            session.Held(packetId, first);
        }
        var taken = first.Elsewhere?.Done ?? Task.CompletedTask;
        if (taken.IsCompletedSuccessfully && _acks.IsEmpty && services.Journal.Look(first.Position) == JournalOutcome.Durable)
        {
            Answer(packetId, Qos.ExactlyOnce, ReasonCode.Success, null, turn.Timestamp, turn);
            return;
        }
        var ticket = _acks.Add(packetId, Qos.ExactlyOnce, turn.Timestamp);
        _unreleased[packetId] = ticket;
        (ticket.IsRouted, ticket.Position) = (true, first.Position);
        if (taken.IsCompletedSuccessfully) Completed(ticket, ReasonCode.Success, null, turn);
        else turn.Effects.Add(new ChannelEffect.AwaitDurable(taken, ticket));
    }

    /// <summary>The store fails: the client hears so, and what it may have of the message is what an unacknowledged message may be.</summary>
    private static void NotStored(AckTicket ticket)
    {
        if (ticket.EndsIt) throw new MqttProtocolException(ReasonCode.ImplementationSpecificError, "The session cannot be stored.");
        ticket.Outcome = ReasonCode.ImplementationSpecificError;
        ticket.Detail = "The message could not be stored; try again later.";
    }

    /// <summary>
    /// A QoS 2 message that subscribers have cannot be refused: its client would be free to send it once more. Nor may it be acknowledged; so its client comes
    /// again, and repeats it.
    /// </summary>
    private static void DemandTaken(AckTicket ticket)
    {
        if (ticket is { IsRouted: true, Qos: Qos.ExactlyOnce, Outcome: >= ReasonCode.UnspecifiedError })
            throw new MqttProtocolException(ticket.Outcome.Value, ticket.Detail ?? "The message was not taken.");
    }

    private void Route(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
        var matches = services.Broker.Match(topic);
        if (matches.Count == 0 && !publish.Retain)
        {
            Acknowledge(publish, turn, ReasonCode.Success, null);
            return;
        }
        if (services.Journal.Refuses && Broker.IsForTheStore(matches, publish.Qos))
        {
            matches.Clear();
            if (services.Journal.IsFailing) Refuse(publish, turn, ReasonCode.ImplementationSpecificError, "The message could not be stored; try again later.");
            else Refuse(publish, turn, ReasonCode.QuotaExceeded, "The store is behind; try again later.");
            return;
        }
        ReadOnlySpan<byte> forwarded = default;
        long? expiresAt = null;
        if (!publish.Properties.IsEmpty)
        {
            _properties ??= new PropertyBuilder();
            forwarded = _properties.Clear().AddForwarded(publish.Properties).Properties.Bytes;
            if (publish.Properties.MessageExpiryInterval is { } seconds) expiresAt = turn.Now + (seconds * 1000L);
        }
        var message = !publish.Retain && services.Broker.IsPassing(matches)
            ? PassingPublication.Take(topic, publish.Payload, publish.Qos, forwarded, expiresAt)
            : Publication.Copy(topic, publish.Payload, publish.Qos, publish.Retain, forwarded, expiresAt);
        Pass(message, publish, matches, turn);
        message.Release();
    }

    private void Pass(Publication message, scoped in PublishPacket publish, List<SubscriptionMatch<Subscriber>> matches, ChannelTurn turn)
    {
        var durable = Task.CompletedTask;
        if (publish.Retain && !services.Retained.TryPut(message, out durable))
        {
            matches.Clear();
            Refuse(publish, turn, ReasonCode.QuotaExceeded, "There are too many topics with retained messages.");
            return;
        }
        bool wanted = matches.Count > 0;
        ushort heldAs = publish.Qos == Qos.ExactlyOnce ? publish.PacketId : (ushort)0;
        if (services.Broker.Deliver(message, matches, session, heldAs, out long position) is not { } passedOn)
        {
            Refuse(publish, turn, ReasonCode.QuotaExceeded, "Another gateway, or a rule, takes no more messages for now; try again later.");
            return;
        }
        var taken = Keeper.Both(durable, passedOn);
        bool isTaken = taken.IsCompletedSuccessfully;
        if (heldAs != 0 && !(isTaken && position == 0)) session.Held(heldAs, new HeldMessage(position, isTaken ? null : new Taking(message, taken)));
        if (isTaken)
        {
            Acknowledge(publish, turn, ReasonCode.Success, null, position);
            return;
        }
        var ticket = TicketFor(publish, turn);
        if (ticket is not null) (ticket.IsRouted, ticket.Position) = (wanted, position);
        turn.Effects.Add(new ChannelEffect.AwaitDurable(taken, ticket));
    }

    /// <summary>Straight to one rule, and to no subscriber (spec/aws-iot-topics.md, section 8).</summary>
    private void Ingest(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
        if (services.Rules.Find(BasicIngest.RuleOf(topic)) is not { } rule)
        {
            Acknowledge(publish, turn, ReasonCode.Success, null);
            return;
        }
        if (publish.Qos != Qos.AtMostOnce && !rule.HasRoom)
        {
            Refuse(publish, turn, ReasonCode.QuotaExceeded, "The rule's queue is full; try again later.");
            return;
        }
        var kept = rule.Keep(BasicIngest.TopicOf(topic), publish.Payload.ToArray(), publish.Properties.ContentType, publish.Qos, session);
        if (kept.IsCompletedSuccessfully) Acknowledge(publish, turn, ReasonCode.Success, null);
        else turn.Effects.Add(new ChannelEffect.AwaitDurable(kept, TicketFor(publish, turn)));
    }

    private void Request(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
        if (BasicIngest.IsFor(topic))
        {
            Ingest(publish, topic, turn);
            return;
        }
        if (publish.Retain)
        {
            Deny(publish, topic, turn, "reserved topics take no retained messages");
            return;
        }
        if (!ReservedTopic.TryParse(topic, out var reserved))
        {
            Deny(publish, topic, turn, "it is no request that a client may make");
            return;
        }
        turn.Effects.Add(new ChannelEffect.Handle(new ReservedRequest(reserved, publish.Payload.ToArray()), TicketFor(publish, turn)));
    }

    private void CheckLimits(scoped in PublishPacket publish, ReadOnlySpan<byte> topic)
    {
        var options = services.Options;
        var counted = BasicIngest.IsFor(topic) ? BasicIngest.TopicOf(topic) : topic;
        if (counted.Length > options.MaxTopicBytes || TopicName.CountLevels(counted) > options.MaxTopicLevels)
            throw new MqttProtocolException(ReasonCode.TopicNameInvalid, $"A topic name has at most {options.MaxTopicBytes} bytes and {options.MaxTopicLevels} levels.");
        if (publish.Payload.Length > options.MaxPayloadBytes)
            throw new MqttProtocolException(ReasonCode.PacketTooLarge, $"A payload of {publish.Payload.Length} bytes is over the limit of {options.MaxPayloadBytes}.");
        if (publish.Qos != Qos.AtMostOnce && _acks.AtLeastOnce + _unreleased.Count >= options.ReceiveMaximum)
            throw new MqttProtocolException(ReasonCode.ReceiveMaximumExceeded, $"More than {options.ReceiveMaximum} messages unacknowledged (3.3.4).");
    }

    private AckTicket? TicketFor(scoped in PublishPacket publish, ChannelTurn turn)
    {
        if (publish.Qos == Qos.AtMostOnce) return null;
        var ticket = _acks.Add(publish.PacketId, publish.Qos, turn.Timestamp);
        if (publish.Qos == Qos.ExactlyOnce) _unreleased[publish.PacketId] = ticket;
        return ticket;
    }

    private void Acknowledge(scoped in PublishPacket publish, ChannelTurn turn, ReasonCode code, string? detail, long position = 0)
    {
        if (publish.Qos == Qos.AtMostOnce) return;
        if (!_acks.IsEmpty || position != 0)
        {
            var ticket = TicketFor(publish, turn)!;
            (ticket.IsRouted, ticket.Position) = (position != 0, position);
            Completed(ticket, code, detail, turn);
            return;
        }
        if (code >= ReasonCode.UnspecifiedError) LetGo(publish.PacketId, publish.Qos);
        Answer(publish.PacketId, publish.Qos, code, detail, turn.Timestamp, turn);
    }

    private void Answer(ushort packetId, Qos qos, ReasonCode code, string? detail, long receivedAt, ChannelTurn turn)
    {
        if (version == MqttVersion.V311 && code >= ReasonCode.UnspecifiedError) throw new MqttProtocolException(code, detail ?? "The message was not taken.");
        if (qos == Qos.ExactlyOnce && code < ReasonCode.UnspecifiedError && _unreleased.ContainsKey(packetId)) _unreleased[packetId] = null;
        replies.Ack(turn.Output, qos == Qos.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, packetId, code, detail);
        turn.Acknowledged.Add(receivedAt);
    }

    /// <summary>A QoS 2 message that was not taken is done with: its identifier is free [MQTT-4.3.3-9].</summary>
    private void LetGo(ushort packetId, Qos qos)
    {
        if (qos != Qos.ExactlyOnce) return;
        _unreleased.Remove(packetId);
        session.Release(packetId, out _);
    }

    /// <summary>5.0 says so in PUBACK where there is one; otherwise the connection ends (spec/aws-iot-topics.md, 6.7).</summary>
    private void Deny(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn, string why)
    {
        string name = Encoding.UTF8.GetString(topic);
        denials.Publish(name, why);
        string detail = $"Publishing to '{name}' is denied: {why}.";
        if (version == MqttVersion.V5 && publish.Qos != Qos.AtMostOnce)
        {
            Acknowledge(publish, turn, ReasonCode.NotAuthorized, detail);
        }
        else if (services.Options.RevealReasons)
        {
            LetGo(publish.PacketId, publish.Qos);
            throw new NotAllowedException(detail);
        }
        else
        {
            Acknowledge(publish, turn, ReasonCode.Success, null);
        }
    }

    private void Refuse(scoped in PublishPacket publish, ChannelTurn turn, ReasonCode code, string detail)
    {
        if (version == MqttVersion.V311 || publish.Qos == Qos.AtMostOnce)
        {
            LetGo(publish.PacketId, publish.Qos);
            throw new MqttProtocolException(code, detail);
        }
        Acknowledge(publish, turn, code, detail);
    }

    private static bool IsUtf8(in ReadOnlySequence<byte> payload) =>
        Utf8.IsValid(payload.IsSingleSegment ? payload.FirstSpan : payload.ToArray());
}

/// <summary>A policy forbids what the client did, and its version has no milder way to say so than to end the connection.</summary>
internal sealed class NotAllowedException(string message) : Exception(message);
