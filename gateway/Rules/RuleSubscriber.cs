using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Rules;
using Fleet.Mqtt;

namespace Fleet.Gateway.Rules;

/// <summary>
/// A rule in this gateway's subscription tree: puts what matches into the rule's queue, before the publisher is acknowledged.
/// </summary>
internal sealed class RuleSubscriber(RuleRoute route, TopicFilter? filter, RuleParts parts) : DurableSink
{
    private readonly RuleQueueState _state = new(parts.Options);
    private readonly RuleWaker _waker = new(route.Name, parts);

    public RuleRoute Route => route;

    /// <summary>Null: basic ingest only.</summary>
    public TopicFilter? Filter => filter;

    public override bool HasRoom
    {
        get
        {
            if (_state.HasRoom) return true;
            parts.Metrics.Refused();
            if (_state.ShouldAsk(parts.Clock.NowMs)) _ = Ask();
            return false;
        }
    }

    public override Task Keep(Publication message, Session? publisher) =>
        Keep(message.Topic, message.Payload, Properties.Of(message.Properties.Span).ContentType, message.Qos, publisher);

    /// <summary>
    /// Takes a message; one that nobody would send again is dropped if there is no room. For others, ask <see cref="HasRoom"/> first.
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
        var (id, at) = parts.Ids.Next();
        string? type = contentType.IsEmpty ? null : Encoding.UTF8.GetString(contentType);
        return Append(new(route.Name.Value, id, Encoding.UTF8.GetString(topic), publisher?.Identity.ClientId, type, payload, at), qos);
    }

    /// <summary>The rule looks into its queue.</summary>
    public void Wake() => _waker.Wake();

    private async Task Append(RuleMessage message, Qos qos)
    {
        int bytes = message.Payload.Length;
        QueueFill? fill = null;
        _state.Begin(bytes);
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
