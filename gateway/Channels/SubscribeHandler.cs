using System.Text;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>SUBSCRIBE and UNSUBSCRIBE: an answer per filter, then the retained messages. MQTT 5.0, 3.8 to 3.11.</summary>
internal sealed class SubscribeHandler(
    ChannelServices services, Session session, ReplyWriter replies, DenialLog denials)
{
    private const string NotStored = "The session cannot be stored; try again later.";

    private readonly UnansweredChanges _unanswered = new();

    /// <summary>SUBSCRIBEs and UNSUBSCRIBEs that are not answered yet.</summary>
    public int Owed { get; private set; }

    private ReasonCode NotStoredCode =>
        replies.Version == MqttVersion.V5 ? ReasonCode.ImplementationSpecificError : ReasonCode.UnspecifiedError;

    /// <summary>What would not be stored is not begun.</summary>
    private bool RefusesChanges => session.Stored is not null && services.Journal.IsFailing;

    public void Subscribe(scoped in Packet packet, ChannelTurn turn)
    {
        var subscribe = SubscribePacket.Parse(packet, replies.Version);
        List<ReasonCode> codes = [];
        var pending = new PendingSubscribe { PacketId = subscribe.PacketId };
        uint identifier = subscribe.Properties.SubscriptionIdentifier ?? 0;
        if (RefusesChanges) pending.Detail = NotStored;
        foreach (var entry in subscribe)
            codes.Add(pending.Detail == NotStored ? NotStoredCode : SubscribeOne(entry, identifier, codes.Count, pending));
        pending.Codes = [.. codes];
        Await(pending, turn);
    }

    /// <summary>Every gateway knows of the new subscriptions, and what is stored of them is durable or cannot be.</summary>
    public void Complete(PendingSubscribe pending, ChannelTurn turn)
    {
        Owed--;
        if (services.Journal.Look(pending.Position) != JournalOutcome.Durable)
        {
            pending.Codes.AsSpan().Fill(NotStoredCode);
            pending.Detail = NotStored;
            pending.Retained.Clear();
            pending.Filters.Clear();
            foreach (var (filter, _) in pending.Changes) Undo(filter, pending.Answer);
        }
        else
        {
            foreach (var (filter, made) in pending.Changes) _unanswered.Stored(filter.Text, made);
        }
        // The answer goes first: what the new subscriptions bring waits in the session until the turn ends (spec/aws-iot-topics.md, 9.2).
        replies.SubAck(turn.Output, pending.Answer, pending.PacketId, pending.Codes, pending.Detail);
        if (pending.Answer == PacketType.SubAck) services.Subscriptions.Subscribed(session.Identity, pending.Filters);
        else Unsubscribed(pending);
        foreach (var cursor in pending.Retained) session.BeginRetained(cursor);
    }

    private void Unsubscribed(PendingSubscribe pending)
    {
        foreach (string filter in pending.Filters) session.Outbound.Retained.End(filter);
        services.Subscriptions.Unsubscribed(session.Identity, pending.Filters);
    }

    /// <summary>
    /// What is refused is as it was. UNSUBACK of 3.1.1 cannot refuse: what it answers is gone here, and goes from the store when that works
    /// again.
    /// </summary>
    private void Undo(TopicFilter filter, PacketType answer)
    {
        if (!_unanswered.TryUndo(filter.Text, out var before)) return;
        if (answer == PacketType.UnsubAck && replies.Version == MqttVersion.V311)
        {
            session.Outbound.Retained.End(filter.Text);
            return;
        }
        if (before is { } subscription) services.Broker.Subscribe(session, subscription);
        else services.Broker.Unsubscribe(session, filter, out _);
    }

    public void Unsubscribe(scoped in Packet packet, ChannelTurn turn)
    {
        var unsubscribe = UnsubscribePacket.Parse(packet, replies.Version);
        List<ReasonCode> codes = [];
        var pending = new PendingSubscribe { PacketId = unsubscribe.PacketId, Answer = PacketType.UnsubAck };
        if (RefusesChanges && replies.Version == MqttVersion.V5) pending.Detail = NotStored;
        foreach (var text in unsubscribe)
            codes.Add(pending.Detail == NotStored ? NotStoredCode : UnsubscribeOne(TopicFilter.TryParse(text), pending));
        pending.Codes = [.. codes];
        Await(pending, turn);
    }

    private ReasonCode UnsubscribeOne(TopicFilter? filter, PendingSubscribe pending)
    {
        if (filter is null) return ReasonCode.TopicFilterInvalid;
        bool existed = services.Broker.Unsubscribe(session, filter, out var change);
        Await(pending, filter, change, made: null);
        if (existed) pending.Filters.Add(filter.Text);
        return existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted;
    }

    private void Await(PendingSubscribe pending, TopicFilter filter, in SubscriptionChange change, HeldSubscription? made)
    {
        if (change.Position is not { } position) return;
        pending.Position = JournalPosition.Later(pending.Position, position);
        pending.Changes.Add((filter, made));
        _unanswered.Begin(filter.Text, change.Before);
    }

    private void Await(PendingSubscribe pending, ChannelTurn turn)
    {
        if (services.Journal.Look(pending.Position) == JournalOutcome.Waiting)
            pending.AlsoAwait(services.Journal.WhenDurable(pending.Position));
        Owed++;
        if (pending.Known.IsCompleted) Complete(pending, turn);
        else turn.Effects.Add(new ChannelEffect.AwaitRoutes(pending.Known, pending));
    }

    private ReasonCode SubscribeOne(scoped in SubscribePacket.Entry entry, uint identifier, int before, PendingSubscribe pending)
    {
        var options = services.Options;
        if (before >= options.MaxFiltersPerSubscribe)
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
        // Before it is there: what is retained from now on may reach it as it is published.
        long since = services.Retained.Sequence;
        if (services.Broker.Subscribe(session, subscription) is not var (isNew, known, change))
        {
            pending.Detail = $"A session has at most {services.Sessions.MaxSubscriptionsPerSession} subscriptions.";
            return ReasonCode.QuotaExceeded;
        }
        // What begins with '$' is never retained.
        bool wantsRetained = !filter.IsShared && !filter.Filter.StartsWith('$') && entry.Options.RetainHandling switch
        {
            RetainHandling.SendAtSubscribe => true,
            RetainHandling.SendIfNewSubscription => isNew,
            _ => false,
        };
        pending.Filters.Add(filter.Text);
        if (wantsRetained) pending.Retained.Add(services.Retained.Open(subscription, since));
        else session.Outbound.Retained.Change(subscription);
        pending.AlsoAwait(known);
        Await(pending, filter, change, subscription);
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

    /// <summary>Where what is stored of it is durable.</summary>
    public JournalPosition Position { get; set; }

    /// <summary>What it changes in the store; null: it is taken away.</summary>
    public List<(TopicFilter Filter, HeldSubscription? Made)> Changes { get; } = [];

    /// <summary>Of the subscriptions that ask for retained messages.</summary>
    public List<RetainedCursor> Retained { get; } = [];

    /// <summary>Topic filters that were granted or given up, as the client wrote them.</summary>
    public List<string> Filters { get; } = [];

    public void AlsoAwait(Task task)
    {
        if (!task.IsCompleted) Known = Known.IsCompleted ? task : Task.WhenAll(Known, task);
    }
}
