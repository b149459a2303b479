using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Links;

/// <summary>
/// Messages as they travel between gateways. Each gateway has a clock of its own, so an expiry travels as what is left of it.
/// </summary>
internal static class PeerMessages
{
    private static readonly PeerMessage Nothing = new(default, default, 0, false, default, null, 0);

    public static PeerMessage Of(Publication message, long now) => new(
        message.TopicBytes, message.Payload, (byte)message.Qos, message.Retain, message.Properties,
        message.ExpiresAt - now, message.Number?.Value ?? 0);

    public static Publication ToPublication(PeerMessage message, long now) => new(
        message.Topic, message.Payload, (Qos)message.Qos, message.Retain, message.Properties,
        message.ExpiresInMs + now) { Number = message.Number == 0 ? null : new(message.Number) };

    public static MovedMessage Of(in Delivery delivery, long now) => new(
        0, (byte)delivery.Qos, delivery.Retain, Of(delivery.Message, now), Identifiers: delivery.Identifiers, Share: delivery.Share);

    public static MovedMessage Of(in SentMessage sent, long now) => sent.Released
        ? new(sent.PacketId, (byte)Qos.ExactlyOnce, false, Nothing, Released: true)
        : Of(sent.Delivery, now) with { PacketId = sent.PacketId };

    public static Delivery ToDelivery(MovedMessage message, long now) => new(
        ToPublication(message.Message, now), (Qos)message.Qos, message.Retain,
        message.Identifiers.IsEmpty ? null : message.Identifiers.ToArray(), message.Share);

    public static SentMessage ToSent(MovedMessage message, long now) =>
        message.Released ? new(message.PacketId, default, Released: true) : new(message.PacketId, ToDelivery(message, now));

    public static MovedMessages Of(SessionMessages messages, long now) => new(
        [.. messages.InFlight.Select(sent => Of(sent, now))],
        [.. messages.Queued.Select(delivery => Of(delivery, now))], messages.LastPacketId,
        [.. messages.Known.Select(number => number.Value)], [.. messages.Unreleased]);

    public static SessionMessages ToSession(MovedMessages messages, long now) => new(
        [.. messages.InFlight.Select(sent => ToSent(sent, now))],
        [.. messages.Queued.Select(queued => ToDelivery(queued, now))], messages.LastPacketId,
        messages.Unreleased.IsDefault ? [] : [.. messages.Unreleased],
        [.. messages.Known.Select(number => new MessageNumber(number))]);

    public static SessionWill? Of(Will? will) => will is null ? null : new(
        Encoding.UTF8.GetString(will.Message.Topic), will.Message.Payload, (byte)will.Message.Qos, will.Message.Retain,
        will.Message.Properties, will.DelaySeconds, will.ExpirySeconds);

    public static Publication ToPublication(SessionWill will, long now) => new(
        Encoding.UTF8.GetBytes(will.Topic), will.Payload, (Qos)will.Qos, will.Retain, will.Properties,
        will.ExpirySeconds is { } seconds ? now + (seconds * 1000L) : null);
}
