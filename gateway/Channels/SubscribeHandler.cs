using System.Runtime.InteropServices;
using System.Text;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>SUBSCRIBE and UNSUBSCRIBE: an answer per filter, then the retained messages. MQTT 5.0, 3.8 to 3.11.</summary>
internal sealed class SubscribeHandler(ChannelServices services, Session session, MqttVersion version, ReplyWriter replies, DenialLog denials)
{
    private readonly List<ReasonCode> _codes = [];

    public void Subscribe(scoped in Packet packet, ChannelTurn turn)
    {
        var subscribe = SubscribePacket.Parse(packet, version);
        _codes.Clear();
        var pending = new PendingSubscribe { PacketId = subscribe.PacketId };
        uint identifier = subscribe.Properties.SubscriptionIdentifier ?? 0;
        foreach (var entry in subscribe) _codes.Add(SubscribeOne(entry, identifier, pending));
        pending.Codes = [.. _codes];
        if (pending.Known.IsCompleted) Complete(pending, turn);
        else turn.Effects.Add(new ChannelEffect.AwaitRoutes(pending.Known, pending));
    }

    /// <summary>Every gateway knows of the new subscriptions.</summary>
    public void Complete(PendingSubscribe pending, ChannelTurn turn)
    {
        // The answer goes first: what the new subscriptions bring waits in the session until the turn ends (spec/aws-iot-topics.md, 9.2).
        replies.SubAck(turn.Output, PacketType.SubAck, pending.PacketId, pending.Codes, pending.Detail);
        services.Subscriptions.Subscribed(session.Identity, pending.Granted);
        foreach (var subscription in pending.WantsRetained)
        {
            List<Publication> messages = [];
            services.Retained.Match(subscription.Filter, turn.Now, messages);
            if (messages.Count > 0) session.DeliverRetained(messages, subscription);
        }
    }

    public void Unsubscribe(scoped in Packet packet, ChannelTurn turn)
    {
        var unsubscribe = UnsubscribePacket.Parse(packet, version);
        _codes.Clear();
        List<string> given = [];
        foreach (var text in unsubscribe)
        {
            var filter = TopicFilter.TryParse(text);
            bool existed = filter is not null && services.Broker.Unsubscribe(session, filter);
            if (existed) given.Add(filter!.Text);
            _codes.Add(existed ? ReasonCode.Success : filter is null ? ReasonCode.TopicFilterInvalid : ReasonCode.NoSubscriptionExisted);
        }
        replies.SubAck(turn.Output, PacketType.UnsubAck, unsubscribe.PacketId, CollectionsMarshal.AsSpan(_codes), null);
        services.Subscriptions.Unsubscribed(session.Identity, given);
    }

    private ReasonCode SubscribeOne(scoped in SubscribePacket.Entry entry, uint identifier, PendingSubscribe pending)
    {
        var options = services.Options;
        if (_codes.Count >= options.MaxFiltersPerSubscribe)
        {
            pending.Detail = $"A SUBSCRIBE has at most {options.MaxFiltersPerSubscribe} topic filters.";
            return ReasonCode.QuotaExceeded;
        }
        if (TopicFilter.TryParse(entry.Filter) is not { } filter || !IsWithinLimits(filter))
        {
            pending.Detail = $"A topic filter is malformed, over {options.MaxTopicBytes} bytes, or over {options.MaxTopicLevels} levels.";
            return ReasonCode.TopicFilterInvalid;
        }
        if (!session.Identity.Policy.AllowsSubscribe(Encoding.UTF8.GetBytes(filter.Filter)))
        {
            denials.Subscribe(filter.Text);
            pending.Detail = $"Subscribing to '{filter.Text}' is denied by policy {session.Identity.Policy.Name}.";
            return ReasonCode.NotAuthorized;
        }
        var subscription = new HeldSubscription(filter, entry.Options, identifier);
        if (services.Broker.Subscribe(session, subscription) is not var (isNew, known))
        {
            pending.Detail = $"A session has at most {options.MaxSubscriptionsPerSession} subscriptions.";
            return ReasonCode.QuotaExceeded;
        }
        bool wantsRetained = !filter.IsShared && entry.Options.RetainHandling switch
        {
            RetainHandling.SendAtSubscribe => true,
            RetainHandling.SendIfNewSubscription => isNew,
            _ => false,
        };
        pending.Granted.Add(filter.Text);
        if (wantsRetained) pending.WantsRetained.Add(subscription);
        if (!known.IsCompleted) pending.Known = pending.Known.IsCompleted ? known : Task.WhenAll(pending.Known, known);
        return (ReasonCode)entry.Options.Qos;
    }

    private bool IsWithinLimits(TopicFilter filter) =>
        Encoding.UTF8.GetByteCount(filter.Filter) <= services.Options.MaxTopicBytes
        && filter.Filter.AsSpan().Count('/') < services.Options.MaxTopicLevels;
}

/// <summary>A SUBSCRIBE that is not answered yet.</summary>
internal sealed class PendingSubscribe
{
    public required ushort PacketId { get; init; }
    public ReasonCode[] Codes { get; set; } = [];
    public string? Detail { get; set; }

    /// <summary>Completes when every other gateway sends what matches.</summary>
    public Task Known { get; set; } = Task.CompletedTask;
    public List<HeldSubscription> WantsRetained { get; } = [];

    /// <summary>Topic filters, as the client wrote them.</summary>
    public List<string> Granted { get; } = [];
}
