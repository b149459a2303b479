using System.ComponentModel.DataAnnotations;
using System.Text;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Retained;

/// <summary>
/// Retained messages: in memory to be found, in the store to last. Changes are written in rounds: all topics that changed during one round
/// go out together in the next, the last value of each, so that a slow store costs latency and not order. Each change that is stored has a
/// version; the other gateways get it with that, and whatever order the changes of a topic come in, the one with the highest version stays.
/// </summary>
internal sealed class RetainedMessages(
    IRetainedStore store, Peers peers, IOptions<RetainedOptions> options, GatewayClock clock, ILogger<RetainedMessages> log)
{
    private const int FewestUntilPurge = 1_000;

    private static readonly TopicFilter Everything = TopicFilter.Parse("#");

    private readonly RetainedTree<Publication> _tree = new();
    private readonly RetainedVersions _versions = new();
    private readonly Lock _gate = new();
    private Dictionary<string, Change> _changes = new(StringComparer.Ordinal);
    private Task _writing = Task.CompletedTask;
    private int _untilPurge = FewestUntilPurge;

    public int Count => _tree.Count;

    /// <summary>Reads what was kept; before the first connection.</summary>
    public Task Load(CancellationToken cancellation) => CatchUp(cancellation);

    /// <summary>Reads what other gateways have stored since the last time but one, in case that their word of it was lost.</summary>
    public async Task CatchUp(CancellationToken cancellation)
    {
        await foreach (var message in store.Load(_versions.CompleteUpTo, cancellation))
        {
            byte[] topic = Encoding.UTF8.GetBytes(message.Topic);
            var publication = new Publication(topic, message.Payload, (Qos)message.Qos, retain: true, message.Properties);
            Apply(publication, message.Version, message.ExpiresAt);
        }
        lock (_gate) _versions.Advance(clock.NowMs);
    }

    /// <summary>Puts a message in the place of its topic's last; an empty payload removes it [MQTT-3.3.1-6].</summary>
    /// <param name="durable">Completes when the change is in the store, and the other gateways have it; fails if the store does.</param>
    /// <returns>False if there are too many topics with retained messages.</returns>
    public bool TryPut(Publication message, out Task durable)
    {
        lock (_gate)
        {
            durable = Task.CompletedTask;
            if (--_untilPurge < 0) Purge();
            bool removes = message.Payload.IsEmpty;
            var before = _tree.Get(message.Topic);
            if (removes && before is null) return true;
            if (!removes && before is null && _tree.Count >= options.Value.MaxRetainedMessages) return false;
            durable = Put(message.Topic, removes ? null : message, before);
            return true;
        }
    }

    /// <summary>Takes a change that is in the store, unless its topic has a newer one.</summary>
    /// <param name="message">Its payload is empty if the topic's message was removed.</param>
    public void Apply(Publication message, long version, DateTimeOffset? expiresAt)
    {
        string topic = Encoding.UTF8.GetString(message.Topic);
        long? endsAt = expiresAt is { } at ? clock.NowMs + (long)(at - clock.UtcNow).TotalMilliseconds : null;
        Publication? stored = message.Payload.IsEmpty ? null
            : new Publication(message.TopicBytes, message.Payload, message.Qos, retain: true, message.Properties, endsAt)
            {
                StoredVersion = version,
            };
        lock (_gate)
        {
            if (_versions.Accepts(topic, stored, version, _tree.Get(message.Topic)?.StoredVersion ?? 0, clock.NowMs))
                Show(message.Topic, stored);
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

    private Task Put(ReadOnlySpan<byte> topicName, Publication? message, Publication? before)
    {
        Show(topicName, message);
        string topic = Encoding.UTF8.GetString(topicName);
        if (!_changes.TryGetValue(topic, out var change))
        {
            _changes.Add(topic, change = new Change());
            _versions.Begin(topic, before);
        }
        change.Message = message;
        if (_writing.IsCompleted) _writing = Background.Run(Write);
        return change.Durable.Task;
    }

    /// <summary>Removes what has expired. Once for as many changes as there are messages, so that each change pays for one.</summary>
    private void Purge()
    {
        List<Publication> messages = [];
        _tree.Match(Everything, messages);
        long now = clock.NowMs;
        foreach (var message in messages.Where(message => message.IsExpired(now))) _ = Put(message.Topic, null, message);
        _untilPurge = Math.Max(FewestUntilPurge, _tree.Count);
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
            DateTimeOffset? expiresAt = change.Message?.ExpiresAt is { } at ? clock.ToUtc(at) : null;
            long version = change.Message is not { } message ? await store.Delete(topic, CancellationToken.None)
                : await store.Set(
                    new RetainedMessage(topic, message.Payload, (byte)message.Qos, message.Properties, clock.UtcNow, expiresAt),
                    CancellationToken.None);
            lock (_gate) End(topic, change.Message, version);
            // Not awaited: a slow gateway holds up this publisher, and not the next round.
            _ = Tell(topic, change, version, expiresAt);
        }
        catch (Exception e)
        {
            // The publisher is not acknowledged: its channel sees this task fail.
            log.RetainedNotStored(topic, e);
            lock (_gate) End(topic, null, version: 0);
            change.Durable.SetException(e);
            _ = change.Durable.Task.Exception;
        }
    }

    /// <summary>A link that is full is passed over: the gateway behind it catches up from the store.</summary>
    private async Task Tell(string topic, Change change, long version, DateTimeOffset? expiresAt)
    {
        if (peers.Any)
        {
            var message = change.Message ?? new Publication(Encoding.UTF8.GetBytes(topic), default, Qos.AtMostOnce, retain: true);
            var word = new Interfaces.Messaging.LinkFrame.Retained(PeerMessages.Of(message, clock.NowMs), version, expiresAt);
            await Task.WhenAll(peers.All.Select(
                peer => peer.Link.TryPost(word, message.Topic.Length + message.Payload.Length, receipt: true) ?? Task.CompletedTask));
        }
        change.Durable.SetResult();
    }

    private void End(string topic, Publication? message, long version)
    {
        if (message is not null) message.StoredVersion = version;
        if (_versions.End(topic, message, version, clock.NowMs) is { } winner) Show(Encoding.UTF8.GetBytes(topic), winner.Message);
    }

    private void Show(ReadOnlySpan<byte> topic, Publication? message)
    {
        if (message is null) _tree.Remove(topic);
        else _tree.Set(topic, message);
    }

    private sealed class Change
    {
        public Publication? Message { get; set; }
        public TaskCompletionSource Durable { get; } = Background.NewSource();
    }
}

/// <summary>How many retained messages there may be: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class RetainedOptions
{
    /// <summary>Topics with a retained message.</summary>
    [Range(0, 100_000_000)] public int MaxRetainedMessages { get; set; } = 1_000_000;
}
