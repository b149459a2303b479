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
