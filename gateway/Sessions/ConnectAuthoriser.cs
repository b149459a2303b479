using System.Text;
using Fleet.Gateway.Admission;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Links;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Sessions;

/// <summary>
/// Decides a CONNECT: who it is (certificate, password, or nobody), whether the policy allows the client id and the will, then takes the client
/// id (<see cref="ISessionGrain"/>) and tells the device. In this order, so that a stranger never evicts anybody.
/// </summary>
internal sealed class ConnectAuthoriser(
    IGrainFactory grains, GatewayIdentity gateway, SessionLifecycle lifecycle, SessionHandoff handoff, SessionFinder finder, Broker broker,
    IPasswordAuthenticator passwords, PolicySource policies, ConnectAdmission admission, Flapping flapping, GatewayClock clock,
    GatewayMetrics metrics, ILogger<ConnectAuthoriser> log)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(100);

    public async Task<ConnectDecision> Decide(ConnectRequest request, ConnectionSource source, string sessionId)
    {
        ConnectDecision decision;
        long startedAt = clock.Time.GetTimestamp();
        var deciding = DecideCore(request, source, sessionId);
        try
        {
            decision = await deciding.WaitAsync(Timeout, clock.Time);
        }
        catch (Exception e)
        {
            if (!deciding.IsCompleted) _ = UndoWhenAccepted(deciding);
            // The service could not decide; the client may try again (0x88, 3 in 3.1.1).
            log.AuthoriseFailed(request.ClientId, e);
            return new ConnectDecision.Refused(ReasonCode.ServerUnavailable, "The service could not answer; try again later.");
        }
        finally
        {
            admission.Decided(clock.Time.GetElapsedTime(startedAt));
        }
        if (decision is ConnectDecision.Refused refused)
        {
            metrics.Denied(DeniedAction.Connect);
            if (refused.Code is ReasonCode.NotAuthorized or ReasonCode.BadUserNameOrPassword)
                lifecycle.Refused(request.ClientId, sessionId, source);
            log.ConnectRefused(request.ClientId, source.RemoteAddress, refused.Code, refused.Detail);
        }
        return decision;
    }

    private async Task<ConnectDecision> DecideCore(ConnectRequest request, ConnectionSource source, string sessionId)
    {
        if (gateway.IsBeginning) return new ConnectDecision.Refused(ReasonCode.ServerUnavailable, "The gateway was cut off and begins anew; try again in some seconds.");
        var (who, refusal) = source.Listener switch
        {
            Listener.Mqtts => await ByCertificate(request, source),
            Listener.WebSocket => await ByPassword(request, source),
            _ => (new Who(SessionKind.Plain), null),
        };
        if (who is null) return refusal!;

        string clientId = request.ClientId.Length > 0 ? request.ClientId : $"auto-{sessionId}";
        string key = SessionIdentity.KeyOf(who.Kind, clientId, who.Certificate, who.Operator);
        if (flapping.HeldOff(key, clock.NowMs) is > 0 and var ms)
            return new ConnectDecision.Refused(ReasonCode.ConnectionRateExceeded, $"This client connects and drops again and again; try again in {(ms + 999) / 1000} s.");
        var policy = SessionPolicy.Fill(
            policies.Of(who.Kind), SessionIdentity.PolicyVariables(clientId, source.RemoteAddress, who.Thing, who.Template));
        if (!policy.AllowsConnect(Encoding.UTF8.GetBytes(clientId))) return Deny($"policy {policy.Name} does not allow client id '{clientId}'.");
        if (request.Will is { } will)
        {
            string topic = Encoding.UTF8.GetString(will.Message.Topic);
            if (topic.StartsWith('$') || !policy.AllowsPublish(will.Message.Topic, will.Message.Retain))
                return Deny($"policy {policy.Name} does not allow a will on '{topic}'.");
        }

        string gatewayId = gateway.Id;
        if (await Open(key, new SessionClaim(gatewayId, sessionId, request.CleanStart, PeerMessages.Of(request.Will))) is not { } lease)
            return new ConnectDecision.Refused(ReasonCode.ServerUnavailable, "The session is at a gateway that does not answer; try again in some seconds.");
        var identity = new SessionIdentity
        {
            Kind = who.Kind,
            ClientId = clientId,
            SessionId = sessionId,
            Policy = policy,
            RemoteAddress = source.RemoteAddress,
            Thing = who.Thing,
            Certificate = who.Certificate,
            Operator = who.Operator,
            Template = who.Template,
            GatewayId = gatewayId,
            Epoch = lease.Epoch,
            ConnectedAt = clock.NowMs,
            Heartbeat = who.Thing is { } thing ? new Heartbeat(thing) : null,
        };
        if (lease.UnsentWill is { } unsent) _ = broker.Publish(PeerMessages.ToPublication(unsent, clock.NowMs));
        if (!await TakeOver(identity, lease, request.CleanStart))
            return new ConnectDecision.Refused(ReasonCode.ServerUnavailable, "The session is on its way elsewhere, or its gateway is dead; try again in some seconds.");
        await lifecycle.Announce(identity);
        return new ConnectDecision.Accepted(identity);
    }

    /// <summary>Takes the client id.</summary>
    /// <returns>Null: where its session is cannot be known yet, and beginning anew beside it would lose what it is owed.</returns>
    private async Task<SessionLease?> Open(string key, SessionClaim claim)
    {
        var session = grains.GetGrain<ISessionGrain>(key);
        var lease = await session.Open(claim);
        if (lease.Lost is not { } lost) return lease;
        var found = await finder.Find(key, lease, claim.CleanStart);
        if (found is FoundSession.NotYet) return null;
        string? from = (found as FoundSession.Found)?.Moved?.FromGateway;
        lease = await session.Open(claim with { Found = lost, FoundEpoch = lease.Epoch, From = from });
        if (lease.Lost is not null) return null;
        // What is found has its will with it.
        return found is FoundSession.Found { Moved: var moved } ? lease with { Moved = lease.Moved ?? moved, UnsentWill = null } : lease;
    }

    /// <summary>Brings here what the client left at another gateway: from then on its session is one whose client is away.</summary>
    /// <returns>False: where the session is cannot be known yet, and beginning anew beside it would lose what it is owed.</returns>
    private async Task<bool> TakeOver(SessionIdentity identity, SessionLease lease, bool cleanStart)
    {
        if (lease.Moved is null && cleanStart)
        {
            await handoff.Discard(identity.Key, identity.Epoch);
            return true;
        }
        if (lease.Moved is null && !await handoff.ComeBack(identity.Key, identity.Epoch)) return false;
        var found = lease.Moved is { } leased ? new FoundSession.Found(leased)
            : lease.From is { } from ? await finder.FindFrom(from, identity.Key, lease) : new FoundSession.None();
        while (found is FoundSession.Found { Moved: { } moved })
        {
            if (await handoff.Begin(identity, moved) is not { } inbound) return handoff.Has(identity.Key);
            if (await Collect(inbound) is { } messages)
            {
                // What is noted between two lives of the gateway is never stored.
                await gateway.Begun;
                handoff.Accept(inbound, messages);
                return true;
            }
            // A newer connection has it, unless the gateway that had it is dead: then the store knows which one has it now.
            bool overtaken = inbound.Done.Task.IsCompleted;
            handoff.Abandon(inbound);
            if (overtaken) return false;
            log.SessionNotMoved(identity.Key, moved.FromGateway);
            found = await finder.Find(identity.Key, lease with { Lost = moved.FromGateway }, discard: false);
        }
        return found is not FoundSession.NotYet;
    }

    /// <summary>
    /// The messages of a session that another gateway hands over; null if there are none any more. While that gateway lives, it has them: it is asked until it
    /// answers. A client that does not wait for it finds its session on its way here with its next CONNECT.
    /// </summary>
    private async Task<MovedMessages?> Collect(InboundHandoff inbound)
    {
        string key = inbound.Session.Identity.Key;
        for (bool again = false; !inbound.Done.Task.IsCompleted; again = true)
        {
            if (again) await Task.Delay(AskAgainAfter, clock.Time);
            try
            {
                return await grains.GetGrain<IGatewayGrain>(inbound.From).Collect(key, inbound.Epoch, gateway.Id);
            }
            catch (Exception e)
            {
                if (!again) log.SessionNotCollected(key, inbound.From, e);
            }
        }
        return null;
    }

    private async Task<(Who?, ConnectDecision.Refused?)> ByCertificate(ConnectRequest request, ConnectionSource source)
    {
        if (source.Certificate is not { } id) return (null, Deny("there is no client certificate."));
        var certificate = await grains.GetGrain<ICertificateGrain>(id.Value).Get();
        if (certificate is null) return (null, Deny($"certificate {id} was not issued here."));
        if (certificate.Status != CertificateStatus.Active) return (null, Deny($"certificate {id} is {certificate.Status}."));
        if (clock.UtcNow >= certificate.NotAfter) return (null, Deny($"certificate {id} has expired."));
        if (certificate.Kind == CertificateKind.Claim)
            return (new Who(SessionKind.Claim) { Certificate = id, Template = certificate.Template }, null);
        if (certificate.Thing is not { } thing) return (null, Deny($"certificate {id} belongs to no thing."));
        if (request.ClientId != thing.Value) return (null, Deny($"the client id must be the thing name '{thing}'."));
        return (new Who(SessionKind.Device) { Certificate = id, Thing = thing }, null);
    }

    private async Task<(Who?, ConnectDecision.Refused?)> ByPassword(ConnectRequest request, ConnectionSource source)
    {
        string? name = request is { UserName: { } user, Password: { } password }
            ? await passwords.Authenticate(user, password, CancellationToken.None) : null;
        return name is null
            ? (null, new ConnectDecision.Refused(ReasonCode.BadUserNameOrPassword, $"User name and password from {source.RemoteAddress} are not good."))
            : (new Who(SessionKind.Operator) { Operator = name }, null);
    }

    /// <summary>Nobody waits for this decision any more: what it took is given back.</summary>
    private async Task UndoWhenAccepted(Task<ConnectDecision> deciding)
    {
        await ((Task)deciding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (deciding.IsCompletedSuccessfully && await deciding is ConnectDecision.Accepted accepted)
            lifecycle.Ended(accepted.Identity, EndCause.ConnectionLost, wasAttached: false);
    }

    private static ConnectDecision.Refused Deny(string why) => new(ReasonCode.NotAuthorized, "Not authorised: " + why);

    private sealed record Who(SessionKind Kind)
    {
        public CertificateId? Certificate { get; init; }
        public ThingName? Thing { get; init; }
        public string? Template { get; init; }
        public string? Operator { get; init; }
    }
}
