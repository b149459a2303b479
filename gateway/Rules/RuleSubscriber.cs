using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Rules;
using Fleet.Interfaces.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Rules;

/// <summary>
/// A rule in this gateway's subscription tree: puts what matches into the rule's queue, before the publisher is acknowledged.
/// </summary>
internal sealed class RuleSubscriber(RuleRoute route, TopicFilter? filter, RuleParts parts) : DurableSink
{
    private readonly RuleQueueState _state = new(parts.Options);
    private readonly RuleShares _shares = new(parts.Options);
    private readonly RuleWaker _waker = new(route.Name, parts);
    private readonly OncePerMinute _shareFull = new(parts.Clock.Time);

    public RuleRoute Route => route;

    /// <summary>Null: basic ingest only.</summary>
    public TopicFilter? Filter => filter;

    public override bool HasRoomFor(Session publisher, int bytes)
    {
        if (!_state.HasRoom)
        {
            parts.Metrics.Refused(RuleRefusal.QueueFull);
            if (_state.ShouldAsk(parts.Clock.NowMs)) _ = Ask();
            return false;
        }
        bool hasShare = HasShare(publisher, bytes);
        if (!hasShare) parts.Metrics.Refused(RuleRefusal.ShareFull);
        return hasShare;
    }

    public override Task Keep(Publication message, Session? publisher) =>
        Keep(message.Topic, message.Payload, Properties.Of(message.Properties.Span).ContentType, message.Qos, publisher);

    /// <summary>
    /// Takes a message; one that nobody would send again is dropped if there is no room. For others, ask <see cref="HasRoomFor"/> first.
    /// </summary>
    /// <param name="topic">As the rule is to see it.</param>
    /// <param name="contentType">Empty for none.</param>
    /// <param name="publisher">Null: the service itself, or a client that is gone (its will).</param>
    /// <returns>Completes when it is durable; fails if the store does.</returns>
    public Task Keep(ReadOnlySpan<byte> topic, ReadOnlyMemory<byte> payload, ReadOnlySpan<byte> contentType, Qos qos, Session? publisher)
    {
        if ((qos == Qos.AtMostOnce || publisher is null) && !_state.HasRoomForMore)
        {
            parts.Metrics.Dropped(RuleDrop.QueueFull);
            if (_state.ShouldAsk(parts.Clock.NowMs)) _ = Ask();
            return Task.CompletedTask;
        }
        if (qos == Qos.AtMostOnce && publisher is not null && !HasShare(publisher, payload.Length))
        {
            parts.Metrics.Dropped(RuleDrop.ShareFull);
            return Task.CompletedTask;
        }
        var (id, at) = parts.Ids.Next();
        string? type = contentType.IsEmpty ? null : Encoding.UTF8.GetString(contentType);
        var identity = publisher?.Identity;
        return Append(new(route.Name.Value, id, Encoding.UTF8.GetString(topic), identity?.ClientId, type, payload, at)
        {
            Publisher = identity is null ? null : RuleShares.PublisherOf(identity),
        }, qos);
    }

    /// <summary>The rule looks into its queue.</summary>
    public void Wake() => _waker.Wake();

    private bool HasShare(Session session, int bytes)
    {
        string publisher = RuleShares.PublisherOf(session.Identity);
        if (_shares.ShouldCount(publisher, parts.Clock.NowMs)) _ = Count();
        if (_shares.HasRoom(publisher, bytes, _state.Shared)) return true;
        if (_shareFull.IsDue()) parts.Log.ShareFull(publisher, route.Name.Value, parts.Options.MaxQueuedBytesPerPublisher);
        return false;
    }

    private async Task Append(RuleMessage message, Qos qos)
    {
        int bytes = message.Payload.Length;
        QueueFill? fill = null;
        _state.Begin(bytes);
        if (message.Publisher is { } publisher) _shares.Appended(publisher, bytes);
        try
        {
            fill = await parts.Queue.Append(message, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            parts.Log.MessageNotQueued(e, route.Name.Value);
            // Of QoS 0 nobody hears, and nobody is to be told that all is well.
            if (qos == Qos.AtMostOnce) parts.Metrics.Dropped(RuleDrop.NotStored);
            throw;
        }
        finally
        {
            _state.End(bytes, fill);
            _shares.Queued(_state.Shared);
        }
        if (fill is null)
        {
            // It was deleted a moment ago.
            parts.Metrics.Dropped(RuleDrop.NoRule);
            return;
        }
        parts.Metrics.Queued();
        _waker.Wake();
    }

    private async Task Count()
    {
        IReadOnlyList<PublisherFill>? holders = null;
        try
        {
            if (await parts.Queue.GetFill(route.Name.Value, CancellationToken.None).ConfigureAwait(false) is { } fill) _state.Know(fill);
            holders = await parts.Queue.GetHolders(
                route.Name.Value, parts.Options.ShareMessageBytes, _shares.LeastBytes, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            parts.Log.QueueNotRead(e, route.Name.Value);
        }
        finally
        {
            _shares.Counted(holders);
        }
    }

    private async Task Ask()
    {
        try
        {
            if (await parts.Queue.GetFill(route.Name.Value, CancellationToken.None).ConfigureAwait(false) is { } fill) _state.Know(fill);
        }
        catch (Exception e)
        {
            parts.Log.QueueNotRead(e, route.Name.Value);
        }
    }
}
