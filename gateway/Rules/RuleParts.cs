using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Rules;

/// <summary>What all rules of a gateway share.</summary>
internal sealed class RuleParts(
    IRuleQueue queue, IGrainFactory grains, RuleMessageIds ids, RuleIngestMetrics metrics, IOptions<RuleQueueOptions> options,
    GatewayClock clock,
    ILogger<RuleSubscriber> log)
{
    public IRuleQueue Queue => queue;
    public IGrainFactory Grains => grains;
    public RuleMessageIds Ids => ids;
    public RuleIngestMetrics Metrics => metrics;
    public RuleQueueOptions Options => options.Value;
    public GatewayClock Clock => clock;
    public ILogger Log => log;
}

/// <summary>
/// Ids of messages for rules: 14 hex digits of microseconds since 1970, which grow from message to message, and 18 of this process. So they
/// are unlike any other ever made, and their order is the order of arrival.
/// </summary>
internal sealed class RuleMessageIds(GatewayClock clock)
{
    private readonly string _process = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(9));
    private long _last;

    public (string Id, DateTimeOffset At) Next()
    {
        long now = (clock.UtcNow - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        long next, last;
        do
        {
            last = Volatile.Read(ref _last);
            next = Math.Max(now, last + 1);
        }
        while (Interlocked.CompareExchange(ref _last, next, last) != last);
        return ($"{next:x14}{_process}", DateTimeOffset.UnixEpoch.AddTicks(next * TimeSpan.TicksPerMicrosecond));
    }
}
