using System.Net;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Auth;

/// <summary>
/// Whether a connection may come in, asked at accept, before any work for TLS (design, section 5). When a power cut ends, the whole fleet
/// comes at once: it is let in at the operator's rate, lowered while the gateway is late, and what is over it is closed at the cost of an
/// accept. The shell around <see cref="AdmissionCore"/>.
/// </summary>
internal sealed class ConnectAdmission(IOptions<AdmissionOptions> options, GatewayMetrics metrics)
{
    private readonly Lock _gate = new();
    private AdmissionState _state = new(AdmissionRate.Of(options.Value.ConnectRate), options.Value.MaxOpeningConnections);

    /// <summary>Connections per second that are let in now.</summary>
    public double Rate
    {
        get { lock (_gate) return _state.Rate.PerSecond; }
    }

    /// <summary>Null: the connection is to be closed at once. Whoever is let in counts as opening until the pass is released.</summary>
    /// <param name="address">Null where a transport has none: all of those are one.</param>
    /// <param name="now">Monotonic milliseconds.</param>
    public AdmissionPass? TryAdmit(IPAddress? address, long now)
    {
        address ??= IPAddress.None;
        bool isAdmitted;
        lock (_gate) (_state, isAdmitted) = AdmissionCore.Accept(_state, address, now);
        if (isAdmitted) return new AdmissionPass(this, address);
        metrics.NotAdmitted();
        return null;
    }

    /// <summary>How long the gateway itself took to decide on a CONNECT.</summary>
    public void Decided(TimeSpan duration)
    {
        lock (_gate) _state = AdmissionCore.Decided(_state, duration);
    }

    /// <summary>How long a step of a handshake, which the client had done its part of, waited for its turn here.</summary>
    public void Queued(long milliseconds)
    {
        lock (_gate) _state = AdmissionCore.Queued(_state, milliseconds);
    }

    /// <summary>Lowers the rate while the gateway is late, raises it again while it is not. Once a second.</summary>
    /// <param name="lag">By how much this very call is late.</param>
    public void Adapt(TimeSpan lag)
    {
        lock (_gate) _state = AdmissionCore.Adapt(_state, lag);
    }

    /// <summary>A pass was released.</summary>
    internal void Released(IPAddress address)
    {
        lock (_gate) _state = AdmissionCore.Released(_state, address);
    }
}
