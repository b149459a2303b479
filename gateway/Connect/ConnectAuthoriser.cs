using System.Text;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Links;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Connect;

/// <summary>
/// Decides a CONNECT: who it is, whether the policy allows the client id and the will, then takes the client id and tells the device. In
/// this order, so that a stranger never evicts anybody.
/// </summary>
internal sealed class ConnectAuthoriser(
    GatewayIdentity gateway, ClientAuthenticator clients, SessionAcquirer sessions, SessionLifecycle lifecycle, PolicySource policies,
    ConnectAdmission admission, ClaimSessions claims, Flapping flapping, GatewayClock clock, GatewayMetrics metrics,
    ILogger<ConnectAuthoriser> log)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    /// <param name="hasEnded">Whether the connection is over: then nobody waits for another gateway any more.</param>
    public async Task<ConnectDecision> Decide(ConnectRequest request, ConnectionSource source, string connectionId, Func<bool> hasEnded)
    {
        ConnectDecision decision;
        long startedAt = clock.Time.GetTimestamp();
        var wait = new ConnectWait(hasEnded);
        var deciding = DecideCore(request, source, connectionId, wait);
        try
        {
            decision = await deciding.WaitAsync(Timeout, clock.Time);
        }
        catch (Exception e)
        {
            _ = UndoWhenAccepted(deciding);
            log.AuthoriseFailed(request.ClientId, e);
            return Unavailable("The service could not answer; try again later.");
        }
        finally
        {
            // That another gateway is dead does not make this one late.
            admission.Decided(clock.Time.GetElapsedTime(startedAt) - wait.Lasted(clock.NowMs));
        }
        if (decision is ConnectDecision.Refused refused)
        {
            metrics.Denied(DeniedAction.Connect);
            if (refused.Code is ReasonCode.NotAuthorized or ReasonCode.BadUserNameOrPassword)
                lifecycle.Refused(refused.Thing, request.ClientId, connectionId, source);
            // That a claim has all its sessions is told once a minute.
            if (refused.Code != ReasonCode.QuotaExceeded)
                log.ConnectRefused(request.ClientId, source.RemoteAddress, refused.Code, refused.Detail);
        }
        return decision;
    }

    private async Task<ConnectDecision> DecideCore(ConnectRequest request, ConnectionSource source, string connectionId, ConnectWait wait)
    {
        if (gateway.IsBeginning) return Unavailable("The gateway was cut off and begins anew; try again in some seconds.");
        var (client, refusal) = await clients.Authenticate(request, source);
        if (client is null) return refusal!;
        string clientId = request.ClientId.Length > 0 ? request.ClientId : $"auto-{connectionId}";
        Task<ConnectDecision> Judge() => DecideFor(client, clientId, request, source, connectionId, wait);
        var decision = client is { Kind: SessionKind.Claim, Certificate: { } claim }
            ? await WithinShare(claim, clientId, Judge) : await Judge();
        return decision is ConnectDecision.Refused refused ? refused with { Thing = client.Thing } : decision;
    }

    /// <summary>Of a claim: what it has all of is refused before anything is asked, or kept.</summary>
    private async Task<ConnectDecision> WithinShare(CertificateId claim, string clientId, Func<Task<ConnectDecision>> judge)
    {
        if (!claims.TryEnter(claim, clientId))
        {
            string detail = $"The claim has {claims.Max} sessions, which is all that a claim may have; try again in some seconds.";
            return new ConnectDecision.Refused(ReasonCode.QuotaExceeded, detail);
        }
        ConnectDecision? decision = null;
        try
        {
            return decision = await judge();
        }
        finally
        {
            // One that is let in leaves when its connection ends.
            if (decision is not ConnectDecision.Accepted) claims.Leave(claim, clientId);
        }
    }

    private async Task<ConnectDecision> DecideFor(
        Client client, string clientId, ConnectRequest request, ConnectionSource source, string connectionId, ConnectWait wait)
    {
        string key = SessionIdentity.KeyOf(client.Kind, clientId, client.Certificate, client.Operator);
        if (flapping.HeldOff(key, clock.NowMs) is > 0 and var ms)
        {
            string detail = $"This client connects and drops again and again; try again in {(ms + 999) / 1000} s.";
            return new ConnectDecision.Refused(ReasonCode.ConnectionRateExceeded, detail);
        }
        var policy = SessionPolicy.Fill(
            policies.Of(client.Kind), SessionIdentity.PolicyVariables(clientId, source.RemoteAddress, client.Thing, client.Template));
        if (!policy.AllowsConnect(Encoding.UTF8.GetBytes(clientId)))
            return ConnectDecision.Refused.NotAuthorised($"policy {policy.Name} does not allow client id '{clientId}'.");
        if (request.Will is { } will)
        {
            string topic = Encoding.UTF8.GetString(will.Message.Topic);
            if (topic.StartsWith('$') || !policy.AllowsPublish(will.Message.Topic, will.Message.Retain))
                return ConnectDecision.Refused.NotAuthorised($"policy {policy.Name} does not allow a will on '{topic}'.");
        }

        string gatewayId = gateway.Id;
        // A claim's session ends with its connection: there is none to come back to.
        bool cleanStart = request.CleanStart || client.Kind == SessionKind.Claim;
        var claim = new SessionClaim(gatewayId, connectionId, cleanStart, PeerMessages.Of(request.Will));
        if (await sessions.Open(key, claim, wait) is not { } lease)
            return Unavailable("The session is at a gateway that does not answer; try again in some seconds.");
        var identity = new SessionIdentity
        {
            Kind = client.Kind,
            ClientId = clientId,
            ConnectionId = connectionId,
            Policy = policy,
            RemoteAddress = source.RemoteAddress,
            Thing = client.Thing,
            Certificate = client.Certificate,
            Operator = client.Operator,
            Template = client.Template,
            GatewayId = gatewayId,
            Epoch = lease.Epoch,
            ConnectedAt = clock.NowMs,
            Heartbeat = client.Thing is { } thing ? new Heartbeat(thing) : null,
        };
        if (!await sessions.TakeOver(identity, lease, cleanStart))
            return Unavailable("The session is on its way elsewhere, or its gateway is dead; try again in some seconds.");
        await lifecycle.Announce(identity);
        return new ConnectDecision.Accepted(identity);
    }

    /// <summary>Nobody waits for this decision any more: what it took is given back.</summary>
    private async Task UndoWhenAccepted(Task<ConnectDecision> deciding)
    {
        await ((Task)deciding).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (deciding.IsCompletedSuccessfully && await deciding is ConnectDecision.Accepted accepted)
            lifecycle.Ended(accepted.Identity, EndCause.ConnectionLost, wasAttached: false);
    }

    /// <summary>0x88, 3 in 3.1.1: the client may try again.</summary>
    private static ConnectDecision.Refused Unavailable(string detail) => new(ReasonCode.ServerUnavailable, detail);
}
