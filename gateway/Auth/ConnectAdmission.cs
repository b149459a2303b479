using System.Net;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Auth;

/// <summary>
/// Whether a connection may come in, asked at accept, before any work for TLS (design, section 5). When a power cut ends, the whole fleet
/// comes at once: it is let in at the operator's rate, lowered while the gateway is late, and what is over it is closed at the cost of an
/// accept. One address cannot use up what others need.
/// </summary>
internal sealed class ConnectAdmission(IOptions<AdmissionOptions> options, GatewayMetrics metrics)
{
    private readonly Lock _gate = new();
    private readonly AdmissionRate _rate = new(options.Value.ConnectRate);
    private readonly AddressShares _shares = new();
    private readonly int _maxOpening = options.Value.MaxOpeningConnections;
    private int _opening;
    private double _decidingMs, _queuedMs;

    /// <summary>Connections per second that are let in now.</summary>
    public double Rate
    {
        get { lock (_gate) return _rate.PerSecond; }
    }

    /// <summary>Null: the connection is to be closed at once. Whoever is let in counts as opening until the pass is released.</summary>
    /// <param name="now">Monotonic milliseconds.</param>
    public AdmissionPass? TryAdmit(IPAddress? address, long now)
    {
        lock (_gate)
        {
            _rate.Refill(now);
            _shares.Refill(now);
            if (_opening < _maxOpening && _shares.Allows(address, _rate.Fill) && _rate.TrySpend())
            {
                _opening++;
                _shares.Note(address);
                return new AdmissionPass(this);
            }
        }
        metrics.NotAdmitted();
        return null;
    }

    /// <summary>How long the gateway itself took to decide on a CONNECT.</summary>
    public void Decided(TimeSpan duration)
    {
        lock (_gate) _decidingMs += (duration.TotalMilliseconds - _decidingMs) / 16;
    }

    /// <summary>How long a step of a handshake, which the client had done its part of, waited for its turn here.</summary>
    public void Queued(long milliseconds)
    {
        lock (_gate) _queuedMs += (milliseconds - _queuedMs) / 16;
    }

    /// <summary>Lowers the rate while the gateway is late, raises it again while it is not. Once a second.</summary>
    /// <param name="lag">By how much this very call is late.</param>
    public void Adapt(TimeSpan lag)
    {
        lock (_gate)
        {
            _rate.Adapt(Math.Max(_decidingMs + _queuedMs, lag.TotalMilliseconds));
            // Without connections nobody would say that it has become better.
            _decidingMs /= 2;
            _queuedMs /= 2;
        }
    }

    /// <summary>A pass was released.</summary>
    internal void Released()
    {
        lock (_gate) _opening--;
}
}
