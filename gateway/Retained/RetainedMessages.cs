using System.Text;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Retained;

/// <summary>
/// Retained messages: in memory to be found, in the store to last. Changes are written in rounds: all topics that changed during one round go
/// out together in the next, the last value of each, so that a slow store costs latency and not order.
/// </summary>
internal sealed class RetainedMessages(IRetainedStore store, IOptions<GatewayOptions> options, GatewayClock clock, ILogger<RetainedMessages> log)
{
    private readonly RetainedTree<Publication> _tree = new();
    private readonly Lock _gate = new();
    private Dictionary<string, Change> _changes = new(StringComparer.Ordinal);
    private Task _writing = Task.CompletedTask;

    public int Count => _tree.Count;

    /// <summary>Reads what was kept; before the first connection.</summary>
    public async Task Load(CancellationToken cancellation)
    {
        await foreach (var message in store.Load(0, cancellation))
        {
            long? expiresAt = message.ExpiresAt is { } at ? clock.NowMs + (long)(at - clock.UtcNow).TotalMilliseconds : null;
            byte[] topic = Encoding.UTF8.GetBytes(message.Topic);
            _tree.Set(topic, new Publication(topic, message.Payload, (Qos)message.Qos, retain: true, message.Properties, expiresAt));
        }
    }

    /// <summary>Puts a message in the place of its topic's last; an empty payload removes it [MQTT-3.3.1-6].</summary>
    /// <param name="durable">Completes when the change is in the store; fails if the store does.</param>
    /// <returns>False if there are too many topics with retained messages.</returns>
    public bool TryPut(Publication message, out Task durable)
    {
        lock (_gate)
        {
            durable = Task.CompletedTask;
            bool removes = message.Payload.IsEmpty;
            bool exists = _tree.Get(message.Topic) is not null;
            if (removes && !exists) return true;
            if (!removes && !exists && _tree.Count >= options.Value.MaxRetainedMessages) return false;
            if (removes) _tree.Remove(message.Topic);
            else _tree.Set(message.Topic, message);

            string topic = Encoding.UTF8.GetString(message.Topic);
            if (!_changes.TryGetValue(topic, out var change)) _changes.Add(topic, change = new Change());
            change.Message = removes ? null : message;
            durable = change.Durable.Task;
            if (_writing.IsCompleted) _writing = Task.Run(Write);
            return true;
        }
    }

    /// <summary>Adds the messages that a new subscription is to get.</summary>
    public void Match(TopicFilter filter, long now, List<Publication> messages)
    {
        _tree.Match(filter, messages);
        messages.RemoveAll(message => message.IsExpired(now));
    }

    /// <summary>Waits for the changes so far.</summary>
    public Task Flushed()
    {
        lock (_gate) return _writing;
    }

    private async Task Write()
    {
        while (true)
        {
            Dictionary<string, Change> round;
            lock (_gate)
            {
                if (_changes.Count == 0)
                {
                    _writing = Task.CompletedTask;
                    return;
                }
                (round, _changes) = (_changes, new Dictionary<string, Change>(StringComparer.Ordinal));
            }
            await Task.WhenAll(round.Select(entry => Write(entry.Key, entry.Value)));
        }
    }

    private async Task Write(string topic, Change change)
    {
        try
        {
            if (change.Message is not { } message)
            {
                await store.Delete(topic, CancellationToken.None);
            }
            else
            {
                DateTimeOffset? expiresAt = message.ExpiresAt is { } at ? clock.ToUtc(at) : null;
                await store.Set(
                    new RetainedMessage(topic, message.Payload, (byte)message.Qos, message.Properties, clock.UtcNow, expiresAt), CancellationToken.None);
            }
            change.Durable.SetResult();
        }
        catch (Exception e)
        {
            // The publisher is not acknowledged: its channel sees this task fail.
            log.RetainedNotStored(topic, e);
            change.Durable.SetException(e);
            _ = change.Durable.Task.Exception;
        }
    }

    private sealed class Change
    {
        public Publication? Message { get; set; }
        public TaskCompletionSource Durable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
