using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Directory;

/// <summary>Brings stored sessions back, this gateway's own and those of dead ones: as sessions whose clients are away.</summary>
internal sealed class SessionRestore(
    ISessionStore store, SessionJournal journal, SessionDirectory directory, SessionEnding ending, Broker broker,
    SessionSnapshots snapshots, RestoredCertificates certificates, GatewayIdentity gateway, IOptions<SessionOptions> options,
    GatewayMetrics metrics, GatewayClock clock, ILogger<SessionRestore> log)
{
    /// <summary>Begins as an owner of sessions, and can write; those that were here before are still to be read.</summary>
    public async Task<OwningGateway> Begin(string? name, CancellationToken cancellation)
    {
        var owner = await store.Begin(gateway.Id, name, cancellation);
        journal.Open(owner.Number);
        return owner;
    }

    /// <summary>Takes in sessions that are this gateway's in the store.</summary>
    /// <param name="intakeOf">From whom they take messages; null: from all.</param>
    public void Add(StoredSessions stored, Func<SessionRow, ISessionIntake?> intakeOf)
    {
        var messages = stored.Messages.ToDictionary(row => row.Id, MessageOf);
        var subscriptions = stored.Subscriptions.ToLookup(row => row.Session);
        var handles = stored.Sessions.ToDictionary(row => row.Id, row => new StoredSession(journal, row.Id));
        // All of them before any goes: the last to go takes the body of its message along.
        var deliveries = stored.Deliveries.ToLookup(row => row.Session, row => DeliveryOf(handles[row.Session], row, messages));
        var received = stored.Received.ToLookup(row => row.Session, row => row.PacketId);
        List<(Session Session, SessionVerdict Verdict)> ended = [];
        int restored = 0;
        // Should a session be there twice, because it moved at the moment of a kill, the newer one is right.
        foreach (var row in stored.Sessions.OrderByDescending(row => row.Epoch))
        {
            var intake = intakeOf(row);
            var session = new Session(snapshots.IdentityOf(row), options.Value, clock, metrics)
            {
                ExpirySeconds = row.ExpirySeconds, Will = snapshots.WillOf(row), Intake = intake,
            };
            if (intake is not null) session.Move.Arrive();
            session.Restore(handles[row.Id], [.. deliveries[row.Id]], row.MaybeSent, received[row.Id]);
            var disconnectedAt = row.DisconnectedAt ?? clock.UtcNow;
            long since = clock.NowMs + (long)(disconnectedAt - clock.UtcNow).TotalMilliseconds;
            var verdict = SessionEndRules.Decide(
                new(row.ExpirySeconds, ExpiresAt: null, session.Will), new SessionEvent.Restored(since), clock.NowMs);
            // Before its client can find it.
            foreach (var subscription in verdict.Ends ? [] : subscriptions[row.Id])
            {
                var options = SubscriptionOptions.Parse(subscription.Options, MqttVersion.V5);
                var filter = TopicFilter.Parse(subscription.Filter);
                broker.Restore(
                    session, new HeldSubscription(filter, options, subscription.Identifier) { OwesRetained = subscription.OwesRetained });
            }
            if (verdict.Ends)
            {
                ended.Add((session, verdict));
                continue;
            }
            if (!directory.TryAdd(session, since))
            {
                ending.DiscardCopy(session);
                continue;
            }
            if (session.Identity.Certificate is { } certificate) certificates.Add(certificate);
            intake?.Add(session);
            restored++;
        }
        if (stored.Sessions.Count > 0) log.SessionsRestored(restored, stored.Sessions.Count - restored, stored.Deliveries.Count);
        // Others may be members of the same shared subscriptions, and may want the wills.
        foreach (var (session, verdict) in ended)
        {
            ending.Discard(session);
            ending.Publish(session.Identity, verdict.Publish, clock.NowMs);
            ending.Tell(session.Identity, verdict.Lease);
        }
    }

    private static Delivery DeliveryOf(StoredSession session, DeliveryRow row, Dictionary<long, Publication> messages)
    {
        var message = row.Message == 0 ? null : messages[row.Message];
        return new Delivery(message!, (Qos)row.Qos, row.Retain, row.Identifiers.IsEmpty ? null : row.Identifiers.ToArray(), row.Share)
        {
            Stored = session.Restore(row, message),
        };
    }

    private Publication MessageOf(MessageRow row) => new(
        row.Topic, row.Payload, (Qos)row.Qos, row.Retain, row.Properties,
        row.ExpiresAt is { } at ? clock.NowMs + (long)(at - clock.UtcNow).TotalMilliseconds : null);
}
