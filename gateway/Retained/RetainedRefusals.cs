using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Retained;

/// <summary>
/// Every retained message that is over a limit is counted; a principal is logged once a minute. Guarded by its owner's lock.
/// </summary>
internal sealed class RetainedRefusals(RetainedOptions options, GatewayMetrics metrics, GatewayClock clock, ILogger log)
{
    private const long MinuteMs = 60_000;

    /// <summary>Of this minute.</summary>
    private const int MaxLogged = 100;

    private readonly HashSet<string> _logged = new(StringComparer.Ordinal);
    private long _since;

    public void Note(RetainedLimit limit, string? principal)
    {
        metrics.NotRetained(limit);
        if (clock.NowMs - _since >= MinuteMs)
        {
            _logged.Clear();
            _since = clock.NowMs;
        }
        string who = principal ?? "the service";
        if (_logged.Count < MaxLogged && _logged.Add(who)) log.RetainedRefused(who, options.Explain(limit));
    }
}
