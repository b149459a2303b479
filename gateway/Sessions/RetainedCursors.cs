using System.Text;
using Fleet.Gateway.Policies;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// The retained messages that a session is yet to get: a cursor for each subscription, one after the other. They go before the queue, so
/// that no retained message comes after a newer one of its topic; what is in the queue is not read here as well. Guarded by the session's
/// lock; what a connection says of its subscriptions takes it itself.
/// </summary>
internal sealed class RetainedCursors(
    Lock gate, WaitingMessages waiting, InFlight inFlight, PacketIdentifiers identifiers, SessionSubscriptions subscriptions)
{
    /// <summary>Topics that a turn looks at: some 0.1 ms of a million that the filter does not cover.</summary>
    public const int LooksPerTurn = 1_024;

    private List<RetainedCursor>? _cursors;

    /// <summary>Subscriptions whose cursors are over, and which the store says owe retained messages: some are not acknowledged.</summary>
    private HashSet<string>? _unacknowledged;

    /// <summary>The store knows of all of them.</summary>
    private bool _isNoted;

    public bool IsEmpty => _cursors is null;

    /// <inheritdoc cref="RetainedCursor.IsWaiting"/>
    public bool IsWaiting => _cursors is [{ IsWaiting: true }, ..];

    /// <summary>
    /// Whether a message of the queue may go before: none is yet to come that would be an older one of its topic. Answers to requests are
    /// such messages, and must not wait for the store to be read.
    /// </summary>
    public bool LetPass(ReadOnlySpan<byte> topic) => IsEmpty || (IsWaiting && !Covers(Encoding.UTF8.GetString(topic)));

    /// <summary>Begins a cursor in the place of the one that its subscription has.</summary>
    public void Begin(RetainedCursor cursor)
    {
        if (Find(cursor.Subscription.Filter.Text) is { } before) Remove(before);
        (_cursors ??= []).Add(cursor);
        _isNoted = false;
    }

    /// <summary>A subscription was made again and asks for no retained messages: those that it is owed come as it says now.</summary>
    public void Change(in HeldSubscription subscription)
    {
        lock (gate)
        {
            if (Find(subscription.Filter.Text) is { } cursor) cursor.Subscription = subscription;
        }
    }

    /// <param name="filter">As the client wrote it.</param>
    public void End(string filter)
    {
        lock (gate)
        {
            if (Find(filter) is { } cursor) Remove(cursor);
        }
    }

    /// <summary>
    /// They do not end with this turn. A session that outlives its connection is owed them; wherever it goes on, they begin anew.
    /// </summary>
    public void Note()
    {
        if (_isNoted || _cursors is null) return;
        foreach (var cursor in _cursors) subscriptions.OweRetained(cursor.Subscription.Filter.Text);
        _isNoted = true;
    }

    /// <summary>
    /// A message was acknowledged. When it was the last that cursors had sent, nothing is owed any more for those that are over.
    /// </summary>
    public void Acknowledged()
    {
        if (_unacknowledged is null || inFlight.HasRetained) return;
        foreach (string filter in _unacknowledged)
        {
            if (Find(filter) is null) subscriptions.SettleRetained(filter);
        }
        _unacknowledged = null;
    }

    public void Clear()
    {
        _unacknowledged = null;
        foreach (var cursor in _cursors ?? []) cursor.End();
        _cursors = null;
    }

    /// <summary>The next to send now; with QoS 1 or 2 it is in flight from here on.</summary>
    /// <returns>False if there is none, none yet, or the client has as much unacknowledged as it takes.</returns>
    public bool TrySend(
        ISessionConnection owner, SessionPolicy policy, int receiveMaximum, long now, ref int looks, out Outgoing next)
    {
        next = default;
        if (IsEmpty) return false;
        // Before one is read: it is sent at once, or not read.
        if (inFlight.Outstanding >= receiveMaximum)
        {
            Note();
            return false;
        }
        if (!TryNext(owner, policy, now, ref looks, out var delivery)) return false;
        ushort packetId = delivery.Qos == Qos.AtMostOnce ? (ushort)0 : identifiers.Next();
        if (packetId != 0)
        {
            inFlight.Add(new SentMessage(packetId, delivery));
            Note();
        }
        next = new Outgoing(packetId, delivery, Duplicate: false);
        return true;
    }

    private bool TryNext(ISessionConnection owner, SessionPolicy policy, long now, ref int looks, out Delivery delivery)
    {
        delivery = default;
        while (_cursors is [var cursor, ..])
        {
            if (cursor.TryNext(owner, now, ref looks, out var message, out bool isNewer))
            {
                if (!policy.AllowsReceive(message.Topic) || (isNewer && waiting.HasRetained(message.Topic))) continue;
                var subscription = cursor.Subscription;
                var identifiers = SubscriptionIdentifiers.Of(subscription.Identifier);
                delivery = Delivery.Of(message, subscription.Options, identifiers) with { Retain = true };
                return true;
            }
            if (!cursor.IsOver)
            {
                Note();
                return false;
            }
            Remove(cursor);
        }
        return false;
    }

    private bool Covers(string topicName) => _cursors!.Exists(cursor => cursor.Subscription.Covers(topicName));

    private RetainedCursor? Find(string filter) => _cursors?.Find(cursor => cursor.Subscription.Filter.Text == filter);

    private void Remove(RetainedCursor cursor)
    {
        cursor.End();
        (_unacknowledged ??= []).Add(cursor.Subscription.Filter.Text);
        _cursors!.Remove(cursor);
        if (_cursors.Count == 0) _cursors = null;
        Acknowledged();
    }
}
