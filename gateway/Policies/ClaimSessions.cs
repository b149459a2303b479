using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Policies;

/// <summary>
/// How many clients of each claim are here, or about to be. A claim is a key that a whole batch of devices has, so one that leaks must not
/// take the gateway's sessions. The newcomer is refused, as brokers do: otherwise whoever has the key could end each enrolment under way.
/// A claim is remembered while it has a client.
/// </summary>
internal sealed class ClaimSessions(IOptions<ClaimSessionOptions> options, GatewayClock clock, ILogger<ClaimSessions> log)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<CertificateId, Claim> _claims = [];

    public int Max => options.Value.MaxSessionsPerClaim;

    /// <summary>Before the client takes a session. A client id that is there already takes its own session over.</summary>
    /// <returns>False if the claim has all that it may have. True is to be followed by <see cref="Leave"/>.</returns>
    public bool TryEnter(CertificateId certificate, string clientId)
    {
        lock (_gate)
        {
            if (!_claims.TryGetValue(certificate, out var claim)) _claims.Add(certificate, claim = new Claim(clock.Time));
            int own = claim.Clients.GetValueOrDefault(clientId);
            if (own > 0 || claim.Clients.Count < Max)
            {
                claim.Clients[clientId] = own + 1;
                return true;
            }
            if (claim.Refusals.IsDue()) log.ClaimSessionsExhausted(certificate.Value, Max);
            return false;
        }
    }

    /// <summary>The connection is over, or came to nothing.</summary>
    public void Leave(CertificateId certificate, string clientId)
    {
        lock (_gate)
        {
            var claim = _claims[certificate];
            if (claim.Clients[clientId] > 1)
            {
                claim.Clients[clientId]--;
                return;
            }
            claim.Clients.Remove(clientId);
            if (claim.Clients.Count == 0) _claims.Remove(certificate);
        }
    }

    private sealed class Claim(TimeProvider time)
    {
        /// <summary>Connections by client id.</summary>
        public Dictionary<string, int> Clients { get; } = new(StringComparer.Ordinal);

        public OncePerMinute Refusals { get; } = new(time);
    }
}
