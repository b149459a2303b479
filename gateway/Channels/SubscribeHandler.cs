using System.Runtime.InteropServices;
using System.Text;
using Fleet.Gateway.Durable;
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
        Await(pending, turn);
    }

    /// <summary>Every gateway knows of the new subscriptions, and what is stored of them is durable or cannot be.</summary>
    public void Complete(PendingSubscribe pending, ChannelTurn turn)
    {
        if (services.Journal.Look(pending.Position) != JournalOutcome.Durable)
        {
            pending.Codes.AsSpan().Fill(version == MqttVersion.V5 ? ReasonCode.ImplementationSpecificError : ReasonCode.UnspecifiedError);
            pending.Detail = "The session cannot be stored; try again later.";
            pending.WantsRetained.Clear();
            pending.Filters.Clear();
        }
        // The answer goes first: what the new subscriptions bring waits in the session until the turn ends (spec/aws-iot-topics.md, 9.2).
        replies.SubAck(turn.Output, pending.Answer, pending.PacketId, pending.Codes, pending.Detail);
        if (pending.Answer == PacketType.SubAck) services.Subscriptions.Subscribed(session.Identity, pending.Filters);
        else services.Subscriptions.Unsubscribed(session.Identity, pending.Filters);
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
        var pending = new PendingSubscribe { PacketId = unsubscribe.PacketId, Answer = PacketType.UnsubAck };
        foreach (var text in unsubscribe) _codes.Add(UnsubscribeOne(TopicFilter.TryParse(text), pending));
        pending.Codes = [.. _codes];
        Await(pending, turn);
    }

    private ReasonCode UnsubscribeOne(TopicFilter? filter, PendingSubscribe pending)
    {
        if (filter is null) return ReasonCode.TopicFilterInvalid;
        bool existed = services.Broker.Unsubscribe(session, filter, out long position);
        pending.Position = Math.Max(pending.Position, position);
        if (existed) pending.Filters.Add(filter.Text);
        return existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
    }

    private void Await(PendingSubscribe pending, ChannelTurn turn)
    {
        if (services.Journal.Look(pending.Position) == JournalOutcome.Waiting) pending.AlsoAwait(services.Journal.WhenDurable(pending.Position));
        if (pending.Known.IsCompleted) Complete(pending, turn);
        else turn.Effects.Add(new ChannelEffect.AwaitRoutes(pending.Known, pending));
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
        if (services.Broker.Subscribe(session, subscription) is not var (isNew, known, position))
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
        pending.Filters.Add(filter.Text);
        if (wantsRetained) pending.WantsRetained.Add(subscription);
        pending.AlsoAwait(known);
        pending.Position = Math.Max(pending.Position, position);
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
    public PacketType Answer { get; init; } = PacketType.SubAck;
    public ReasonCode[] Codes { get; set; } = [];
    public string? Detail { get; set; }

    /// <summary>Completes when every other gateway sends what matches.</summary>
    public Task Known { get; private set; } = Task.CompletedTask;

    /// <summary>The journal's, at which what is stored of it is durable; 0: nothing is.</summary>
    public long Position { get; set; }
    public List<HeldSubscription> WantsRetained { get; } = [];

    /// <summary>Topic filters that were granted or given up, as the client wrote them.</summary>
    public List<string> Filters { get; } = [];

    public void AlsoAwait(Task task)
    {
        if (!task.IsCompleted) Known = Known.IsCompleted ? task : Task.WhenAll(Known, task);
    }
}
