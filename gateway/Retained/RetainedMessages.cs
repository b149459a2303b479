using System.Text;
using Fleet.Gateway.Links;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
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
    IRetainedStore store, Peers peers, IOptions<RetainedOptions> options, GatewayMetrics metrics, GatewayClock clock,
    ILogger<RetainedMessages> log)
{
    /// <summary>
    /// So many topics are looked at for a message that has expired: with each change, and every second, of a million all in some minutes.
    /// The lock is held for a slice of them.
    /// </summary>
    private const int LooksPerChange = 4, LooksPerSweep = 8_192, LooksPerSlice = 256;

    /// <summary>By then this gateway knows of a message that another has put in the place of one that expired.</summary>
    private const long OthersKnownAfterMs = 30_000;

    private readonly RetainedTree<RetainedPublication> _tree = new();
    private readonly RetainedPurge _purge = new();
    private readonly RetainedVersions _versions = new();
    private readonly RetainedBudget _budget = new(options.Value);
    private readonly RetainedRefusals _refusals = new(options.Value, metrics, clock, log);
    private readonly FirstReading _firstReading = new();
    private readonly Lock _gate = new();
    private Dictionary<string, RetainedChange> _changes = new(StringComparer.Ordinal);
    private Task _writing = Task.CompletedTask;
    private long _sequence;

    public int Count => _tree.Count;

    public long Bytes
    {
        get { lock (_gate) return _budget.Bytes; }
    }

    /// <summary>Of the message that was shown last.</summary>
    public long Sequence => Volatile.Read(ref _sequence);

    /// <summary>What was kept has been read; until then new subscriptions wait for their retained messages.</summary>
    public bool IsRead => _firstReading.IsOver;

    public string Explain(RetainedLimit limit) => options.Value.Explain(limit);

    /// <summary>
    /// Reads what was kept; later, what other gateways have stored since the last time but one, in case that their word of it was lost.
    /// </summary>
    public async Task CatchUp(CancellationToken cancellation)
    {
        long began = clock.NowMs;
        await foreach (var message in store.Load(_versions.CompleteUpTo, cancellation))
        {
            byte[] topic = Encoding.UTF8.GetBytes(message.Topic);
            var publication = new Publication(topic, message.Payload, (Qos)message.Qos, retain: true, message.Properties);
            Apply(publication, message.Version, message.ExpiresAt, message.Principal);
        }
        lock (_gate) _versions.Advance(clock.NowMs);
        if (IsRead) return;
        log.RetainedLoaded(Count, Bytes, (clock.NowMs - began) / 1000.0);
        _firstReading.End();
    }

    /// <summary>Puts a message in the place of its topic's last; an empty payload removes it [MQTT-3.3.1-6].</summary>
    /// <param name="principal">Whose share it counts towards; null: nobody's.</param>
    /// <param name="durable">Completes when the change is in the store, and the other gateways have it; fails if the store does.</param>
    /// <returns>The limit that it is over; null: it is taken.</returns>
    public RetainedLimit? Put(Publication message, string? principal, out Task durable)
    {
        lock (_gate)
        {
            durable = Task.CompletedTask;
            Purge(LooksPerChange, clock.NowMs);
            var before = _tree.Get(message.Topic);
            if (message.Payload.IsEmpty)
            {
                if (before is not null || !IsRead) durable = Set(message.Topic, null, before).Join();
                return null;
            }
            switch (_budget.Decide(ChargeOf(before), new(principal, RetainedPublication.BytesOf(message))))
            {
                case RetainedVerdict.Refused refused:
                    _refusals.Note(refused.Limit, principal);
                    return refused.Limit;
                case RetainedVerdict.Kept kept:
                    durable = Set(message.Topic, new(message, kept.Principal, message.ExpiresAt), before).Join();
                    break;
            }
            return null;
        }
    }

    /// <summary>Takes a change that is in the store, unless its topic has a newer one.</summary>
    /// <param name="message">Its payload is empty if the topic's message was removed.</param>
    /// <param name="principal">Whose share it counts towards; null: nobody's.</param>
    public void Apply(Publication message, long version, DateTimeOffset? expiresAt, string? principal)
    {
        string topic = Encoding.UTF8.GetString(message.Topic);
        long? endsAt = expiresAt is { } at ? clock.NowMs + (long)(at - clock.UtcNow).TotalMilliseconds : null;
        var stored = message.Payload.IsEmpty ? null : new RetainedPublication(message, principal, endsAt) { StoredVersion = version };
        lock (_gate)
        {
            if (_versions.Accepts(topic, stored, version, _tree.Get(message.Topic)?.StoredVersion ?? 0, clock.NowMs))
                Show(message.Topic, stored);
        }
    }

    /// <summary>The messages that a new subscription is to get.</summary>
    /// <param name="since">The <see cref="Sequence"/> before the subscription was there.</param>
    public RetainedCursor Open(HeldSubscription subscription, long since) =>
        new RetainedWalk(_tree, _firstReading, subscription, since);

    /// <summary>Removes what has expired, of as many topics as a second may cost.</summary>
    public void Sweep(long now)
    {
        for (int looked = 0; looked < LooksPerSweep; looked += LooksPerSlice)
        {
            lock (_gate)
            {
                if (!Purge(LooksPerSlice, now)) return;
            }
        }
    }

    /// <summary>Waits for the changes so far.</summary>
    public Task Flushed()
    {
        lock (_gate) return _writing;
    }

    private RetainedChange Set(ReadOnlySpan<byte> topicName, RetainedPublication? message, RetainedPublication? before)
    {
        Show(topicName, message);
        string topic = Encoding.UTF8.GetString(topicName);
        if (!_changes.TryGetValue(topic, out var change))
        {
            _changes.Add(topic, change = new RetainedChange());
            _versions.Begin(topic, before);
        }
        change.Message = message;
        if (_writing.IsCompleted) _writing = Background.Run(Write);
        return change;
    }

    /// <returns>Whether all looks were taken: there may be more.</returns>
    private bool Purge(int looks, long now)
    {
        if (!_purge.Begin(_tree, now)) return false;
        long expiredBy = peers.Any ? now - OthersKnownAfterMs : now;
        while (_purge.TryNext(_tree, ref looks, expiredBy, out var message)) Set(message.Topic, null, message);
        return looks == 0;
    }

    private async Task Write()
    {
        while (true)
        {
            Dictionary<string, RetainedChange> round;
            lock (_gate)
            {
                if (_changes.Count == 0)
                {
                    _writing = Task.CompletedTask;
                    return;
                }
                (round, _changes) = (_changes, new Dictionary<string, RetainedChange>(StringComparer.Ordinal));
            }
            await Task.WhenAll(round.Select(entry => Write(entry.Key, entry.Value)));
        }
    }

    private async Task Write(string topic, RetainedChange change)
    {
        try
        {
            DateTimeOffset? expiresAt = change.Message?.ExpiresAt is { } at ? clock.ToUtc(at) : null;
            long version = change.Message is not { } message ? await store.Delete(topic, CancellationToken.None)
                : await store.Set(
                    new RetainedMessage(topic, message.Payload, (byte)message.Qos, message.Properties, clock.UtcNow, expiresAt)
                    {
                        Principal = message.Principal,
                    },
                    CancellationToken.None);
            lock (_gate) End(topic, change.Message, version);
            // Not awaited: a slow gateway holds up this publisher, and not the next round.
            _ = Tell(topic, change, version, expiresAt);
        }
        catch (Exception e)
        {
            // The publisher is not acknowledged: its channel sees this task fail. What had expired is tried again.
            bool isToBeTold;
            lock (_gate)
            {
                End(topic, null, version: 0);
                isToBeTold = change.IsJoined || _purge.Pause(clock.NowMs);
            }
            if (isToBeTold) log.RetainedNotStored(topic, e);
            change.Durable.SetException(e);
            _ = change.Durable.Task.Exception;
        }
    }

    /// <summary>A link that is full is passed over: the gateway behind it catches up from the store.</summary>
    private async Task Tell(string topic, RetainedChange change, long version, DateTimeOffset? expiresAt)
    {
        if (peers.Any)
        {
            Publication message = change.Message ?? new Publication(Encoding.UTF8.GetBytes(topic), default, Qos.AtMostOnce, retain: true);
            var word = new LinkFrame.Retained(PeerMessages.Of(message, clock.NowMs), version, expiresAt, change.Message?.Principal);
            await Task.WhenAll(peers.All.Select(
                peer => peer.Link.TryPost(word, message.Topic.Length + message.Payload.Length, receipt: true) ?? Task.CompletedTask));
        }
        change.Durable.SetResult();
    }

    private void End(string topic, RetainedPublication? message, long version)
    {
        if (message is not null) message.StoredVersion = version;
        if (_versions.End(topic, message, version, clock.NowMs) is { } winner) Show(Encoding.UTF8.GetBytes(topic), winner.Message);
    }

    private void Show(ReadOnlySpan<byte> topic, RetainedPublication? message)
    {
        // Its own change may be over, and be what is shown already.
        if (_tree.Get(topic) == message) return;
        if (message is not null) message.Sequence = Interlocked.Increment(ref _sequence);
        var before = message is null ? _tree.Remove(topic) : _tree.Set(topic, message);
        _budget.Move(ChargeOf(before), ChargeOf(message));
    }

    private static RetainedCharge? ChargeOf(RetainedPublication? message) => message is null ? null : new(message.Principal, message.Bytes);
}
