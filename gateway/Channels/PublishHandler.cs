using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Topics;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>A client's PUBLISH: limits, policy, and where it goes. The hot path: nothing is copied before somebody wants it.</summary>
internal sealed class PublishHandler(ChannelServices services, Session session, MqttVersion version, ReplyWriter replies, DenialLog denials)
{
    private readonly TopicAliases _aliases = new(services.Options.TopicAliasMaximum);
    private readonly AckQueue _acks = new();
    private PropertyBuilder? _properties;

    /// <exception cref="MqttProtocolException">The connection must end.</exception>
    /// <exception cref="NotAllowedException">The connection must end because of the policy.</exception>
    public void Receive(scoped in Packet packet, ChannelTurn turn)
    {
        var publish = PublishPacket.Parse(packet, version, Sender.Client);
        if (publish.Qos == Qos.ExactlyOnce) throw new MqttProtocolException(ReasonCode.QosNotSupported, "QoS 2 is not supported: the maximum is 1 (3.2.2.3.4).");
        var topic = _aliases.Resolve(publish, publish.Topic);
        CheckLimits(publish, topic);
        services.Metrics.Received(publish.Qos);

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
        if (topic[0] == (byte)'$')
        {
            Request(publish, topic, turn);
            return;
        }
        if (session.Identity.Heartbeat is { } heartbeat && topic.SequenceEqual(heartbeat.Topic)) heartbeat.Beat(turn.Now, publish.Payload);
        Route(publish, topic, turn);
    }

    /// <summary>The answer to an effect; the PUBACK follows when its turn comes.</summary>
    public void Completed(AckTicket ticket, ReasonCode outcome, string? detail, ChannelTurn turn)
    {
        ticket.Outcome = outcome;
        ticket.Detail = detail;
        while (_acks.TryTakeReady(out var ready))
        {
            if (version == MqttVersion.V311 && ready.Outcome >= ReasonCode.UnspecifiedError)
                throw new MqttProtocolException(ready.Outcome.Value, ready.Detail ?? "The message was not taken.");
            replies.PubAck(turn.Output, ready.PacketId, ready.Outcome!.Value, ready.Detail);
            turn.Acknowledged.Add(ready.ReceivedAt);
        }
    }

    private void Route(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
        var matches = services.Broker.Match(topic);
        if (matches.Count == 0 && !publish.Retain)
        {
            Acknowledge(publish, turn, ReasonCode.Success, null);
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
        var message = Publication.Copy(topic, publish.Payload, publish.Qos, publish.Retain, forwarded, expiresAt);
        var durable = Task.CompletedTask;
        if (publish.Retain && !services.Retained.TryPut(message, out durable))
        {
            matches.Clear();
            Refuse(publish, turn, ReasonCode.QuotaExceeded, "There are too many topics with retained messages.");
            return;
        }
        if (services.Broker.Deliver(message, matches, session) is not { } passedOn)
        {
            Refuse(publish, turn, ReasonCode.QuotaExceeded, "Another gateway does not take its messages; try again later.");
            return;
        }
        if (durable.IsCompletedSuccessfully && passedOn.IsCompletedSuccessfully)
        {
            Acknowledge(publish, turn, ReasonCode.Success, null);
            return;
        }
        var taken = durable.IsCompletedSuccessfully ? passedOn : passedOn.IsCompletedSuccessfully ? durable : Task.WhenAll(durable, passedOn);
        turn.Effects.Add(new ChannelEffect.AwaitDurable(taken, TicketFor(publish, turn)));
    }

    private void Request(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
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
        if (topic.Length > options.MaxTopicBytes || TopicName.CountLevels(topic) > options.MaxTopicLevels)
            throw new MqttProtocolException(ReasonCode.TopicNameInvalid, $"A topic name has at most {options.MaxTopicBytes} bytes and {options.MaxTopicLevels} levels.");
        if (publish.Payload.Length > options.MaxPayloadBytes)
            throw new MqttProtocolException(ReasonCode.PacketTooLarge, $"A payload of {publish.Payload.Length} bytes is over the limit of {options.MaxPayloadBytes}.");
        if (publish.Qos != Qos.AtMostOnce && _acks.Count >= options.ReceiveMaximum)
            throw new MqttProtocolException(ReasonCode.ReceiveMaximumExceeded, $"More than {options.ReceiveMaximum} messages unacknowledged (3.3.4).");
    }

    private AckTicket? TicketFor(scoped in PublishPacket publish, ChannelTurn turn) =>
        publish.Qos == Qos.AtMostOnce ? null : _acks.Add(publish.PacketId, turn.Timestamp);

    private void Acknowledge(scoped in PublishPacket publish, ChannelTurn turn, ReasonCode code, string? detail)
    {
        if (publish.Qos == Qos.AtMostOnce) return;
        if (_acks.Count > 0)
        {
            Completed(_acks.Add(publish.PacketId, turn.Timestamp), code, detail, turn);
            return;
        }
        replies.PubAck(turn.Output, publish.PacketId, code, detail);
        turn.Acknowledged.Add(turn.Timestamp);
    }

    /// <summary>5.0 says so in PUBACK where there is one; otherwise the connection ends (spec/aws-iot-topics.md, 6.7).</summary>
    private void Deny(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn, string why)
    {
        string name = Encoding.UTF8.GetString(topic);
        denials.Publish(name, why);
        string detail = $"Publishing to '{name}' is denied: {why}.";
        if (version == MqttVersion.V311 || publish.Qos == Qos.AtMostOnce) throw new NotAllowedException(detail);
        Acknowledge(publish, turn, ReasonCode.NotAuthorized, detail);
    }

    private void Refuse(scoped in PublishPacket publish, ChannelTurn turn, ReasonCode code, string detail)
    {
        if (version == MqttVersion.V311 || publish.Qos == Qos.AtMostOnce) throw new MqttProtocolException(code, detail);
        Acknowledge(publish, turn, code, detail);
    }

    private static bool IsUtf8(in ReadOnlySequence<byte> payload) =>
        Utf8.IsValid(payload.IsSingleSegment ? payload.FirstSpan : payload.ToArray());
}

/// <summary>A policy forbids what the client did, and its version has no milder way to say so than to end the connection.</summary>
internal sealed class NotAllowedException(string message) : Exception(message);
