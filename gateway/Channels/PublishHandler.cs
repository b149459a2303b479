using System.Buffers;
using System.Text;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>A client's PUBLISH: limits, policy, and where it goes. The hot path: nothing is copied before somebody wants it.</summary>
internal sealed class PublishHandler(
    ChannelServices services, Session session, MqttVersion version, PublishAnswers answers, DenialLog denials)
{
    private readonly TopicAliases _aliases = new(services.Options.TopicAliasMaximum);
    private PropertyBuilder? _properties;

    /// <exception cref="MqttProtocolException">The connection must end.</exception>
    /// <exception cref="NotAllowedException">The connection must end because of the policy.</exception>
    public void Receive(scoped in Packet packet, ChannelTurn turn)
    {
        var publish = PublishPacket.Parse(packet, version, Sender.Client);
        var topic = _aliases.Resolve(publish, publish.Topic);
        services.Metrics.Received(publish.Qos);
        if (publish.Qos == Qos.ExactlyOnce && session.AwaitingRelease.Holds(publish.PacketId, out var held))
        {
            answers.Repeat(publish.PacketId, held, turn);
            return;
        }
        CheckLimits(publish, topic);

        // A rule keeps nothing, whatever the flag says.
        if (!session.Identity.Policy.AllowsPublish(topic, publish.Retain && !BasicIngest.IsFor(topic)))
        {
            Deny(publish, topic, turn, $"policy {session.Identity.Policy.Name} does not allow it");
            return;
        }
        if (publish.Properties.PayloadIsUtf8 && !Utf8Payload.IsValid(publish.Payload))
        {
            answers.Refuse(publish, turn, ReasonCode.PayloadFormatInvalid, "The payload says that it is UTF-8 and is not (3.3.2.3.2).");
            return;
        }
        // Between the look above and here, a newer connection of the session may have taken it.
        if (publish.Qos == Qos.ExactlyOnce && !answers.TryBegin(publish.PacketId)) return;
        if (topic[0] == (byte)'$')
        {
            Request(publish, topic, turn);
            return;
        }
        if (session.Identity.Heartbeat is { } heartbeat && topic.SequenceEqual(heartbeat.Topic)) heartbeat.Beat(turn.Now, publish.Payload);
        Route(publish, topic, turn);
    }

    private void Route(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
        var matches = services.Broker.Match(topic);
        if (matches.Count == 0 && !publish.Retain)
        {
            answers.Acknowledge(publish, turn, ReasonCode.Success, null);
            return;
        }
        if (services.Journal.Refuses && FanOut.IsForTheStore(matches, publish.Qos))
        {
            matches.Clear();
            if (services.Journal.IsFailing)
                answers.Refuse(publish, turn, ReasonCode.ImplementationSpecificError, "The message could not be stored; try again later.");
            else answers.Refuse(publish, turn, ReasonCode.QuotaExceeded, "The store is behind; try again later.");
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
            ? PassingPublication.Rent(topic, publish.Payload, publish.Qos, forwarded, expiresAt)
            : Publication.Copy(topic, publish.Payload, publish.Qos, publish.Retain, forwarded, expiresAt);
        Pass(message, publish, matches, turn);
        message.Release();
    }

    private void Pass(Publication message, scoped in PublishPacket publish, List<SubscriptionMatch<Subscriber>> matches, ChannelTurn turn)
    {
        var durable = Task.CompletedTask;
        if (publish.Retain && services.Retained.Put(message, session.Identity.Principal, out durable) is { } over)
        {
            matches.Clear();
            answers.Refuse(publish, turn, ReasonCode.QuotaExceeded, services.Retained.Explain(over));
            return;
        }
        bool wanted = matches.Count > 0;
        ushort heldAs = publish.Qos == Qos.ExactlyOnce ? publish.PacketId : (ushort)0;
        if (services.Broker.Deliver(message, matches, session, heldAs, out var position) is not { } passedOn)
        {
            answers.Refuse(
                publish, turn, ReasonCode.QuotaExceeded, "Another gateway, or a rule, takes no more messages for now; try again later.");
            return;
        }
        var taken = FanOut.Both(durable, passedOn);
        bool isForwarded = taken.IsCompletedSuccessfully;
        if (heldAs != 0 && !(isForwarded && position is null))
            session.AwaitingRelease.Note(heldAs, new HeldMessage(position, isForwarded ? null : new PendingForward(message, taken)));
        if (isForwarded)
        {
            answers.Acknowledge(publish, turn, ReasonCode.Success, null, position);
            return;
        }
        var ticket = answers.Owe(publish, turn);
        if (ticket is not null) (ticket.IsRouted, ticket.Position) = (wanted, position);
        turn.Effects.Add(new ChannelEffect.AwaitDurable(taken, ticket));
    }

    /// <summary>Straight to one rule, and to no subscriber (spec/aws-iot-topics.md, section 8).</summary>
    private void Ingest(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn)
    {
        if (services.Rules.Find(BasicIngest.RuleOf(topic)) is not { } rule)
        {
            answers.Acknowledge(publish, turn, ReasonCode.Success, null);
            return;
        }
        if (!rule.Route.TakesBasicIngest)
        {
            Deny(publish, topic, turn, "the rule takes no basic ingest");
            return;
        }
        if (publish.Qos != Qos.AtMostOnce && !rule.HasRoomFor(session, (int)publish.Payload.Length))
        {
            answers.Refuse(
                publish, turn, ReasonCode.QuotaExceeded, "The rule's queue, or this client's share of it, is full; try again later.");
            return;
        }
        var kept = rule.Keep(BasicIngest.TopicOf(topic), publish.Payload.ToArray(), publish.Properties.ContentType, publish.Qos, session);
        if (kept.IsCompletedSuccessfully) answers.Acknowledge(publish, turn, ReasonCode.Success, null);
        else turn.Effects.Add(new ChannelEffect.AwaitDurable(kept, answers.Owe(publish, turn)));
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
        turn.Effects.Add(new ChannelEffect.Handle(new ReservedRequest(reserved, publish.Payload.ToArray()), answers.Owe(publish, turn)));
    }

    private void CheckLimits(scoped in PublishPacket publish, ReadOnlySpan<byte> topic)
    {
        var options = services.Options;
        var counted = BasicIngest.IsFor(topic) ? BasicIngest.TopicOf(topic) : topic;
        if (counted.Length > options.MaxTopicBytes || TopicName.CountLevels(counted) > options.MaxTopicLevels)
        {
            throw new MqttProtocolException(
                ReasonCode.TopicNameInvalid,
                $"A topic name has at most {options.MaxTopicBytes} bytes and {options.MaxTopicLevels} levels.");
        }
        if (publish.Payload.Length > options.MaxPayloadBytes)
        {
            throw new MqttProtocolException(
                ReasonCode.PacketTooLarge, $"A payload of {publish.Payload.Length} bytes is over the limit of {options.MaxPayloadBytes}.");
        }
        // A client of 3.1.1 is told no maximum: it is read as fast as it can be answered (OpenChannel.IsHeld).
        if (version == MqttVersion.V5 && publish.Qos != Qos.AtMostOnce && answers.Unacknowledged >= services.Sessions.ReceiveMaximum)
        {
            throw new MqttProtocolException(
                ReasonCode.ReceiveMaximumExceeded, $"More than {services.Sessions.ReceiveMaximum} messages unacknowledged (3.3.4).");
        }
    }

    /// <summary>5.0 says so in PUBACK where there is one; otherwise the connection ends (spec/aws-iot-topics.md, 6.7).</summary>
    private void Deny(scoped in PublishPacket publish, ReadOnlySpan<byte> topic, ChannelTurn turn, string why)
    {
        string name = Encoding.UTF8.GetString(topic);
        denials.Publish(name, why);
        string detail = $"Publishing to '{name}' is denied: {why}.";
        if (version == MqttVersion.V5 && publish.Qos != Qos.AtMostOnce)
        {
            answers.Acknowledge(publish, turn, ReasonCode.NotAuthorized, detail);
        }
        else if (services.Options.RevealReasons)
        {
            answers.LetGo(publish.PacketId, publish.Qos);
            throw new NotAllowedException(detail);
        }
        else
        {
            answers.Acknowledge(publish, turn, ReasonCode.Success, null);
        }
    }
}

/// <summary>A policy forbids what the client did, and its version has no milder way to say so than to end the connection.</summary>
internal sealed class NotAllowedException(string message) : Exception(message);
