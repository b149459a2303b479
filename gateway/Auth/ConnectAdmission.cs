using System.Net;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Auth;

/// <summary>
/// Whether a connection may come in, asked at accept, before any work for TLS (design, section 5). When a power cut ends, the whole fleet
/// comes at once: it is let in at the operator's rate, lowered while the gateway is late, and what is over it is closed at the cost of an
/// accept. Until CONNACK each connection has a slot in the stage that it is in, and one that keeps the gateway waiting makes room for
/// others. The shell around <see cref="AdmissionCore"/> and <see cref="FairSlots"/>.
/// </summary>
internal sealed class ConnectAdmission
{
    /// <summary>Addresses that are known for a proxy's. Behind a listener that strangers reach, anybody could be one.</summary>
    private const int MaxProxies = 256;

    private readonly Lock _gate = new();
    private readonly HashSet<IPAddress> _proxies = [];
    private readonly FairSlots[] _slots;
    private readonly OncePerMinute[] _shortages;
    private readonly GatewayMetrics _metrics;
    private readonly GatewayClock _clock;
    private readonly ILogger _log;
    private AdmissionState _state;

    public ConnectAdmission(IOptions<AdmissionOptions> options, GatewayMetrics metrics, GatewayClock clock, ILogger<ConnectAdmission> log)
    {
        (_metrics, _clock, _log) = (metrics, clock, log);
        var settings = options.Value;
        _state = new AdmissionState(AdmissionRate.Of(settings.ConnectRate));
        _slots = [new(settings.MaxAwaitingProxyHeader), new(settings.MaxOpeningConnections), new(settings.MaxAwaitingConnect)];
        _shortages = [.. _slots.Select(_ => new OncePerMinute(clock.Time))];
        metrics.ShowOpening(Opening);
    }

    /// <summary>Connections per second that are let in now.</summary>
    public double Rate
    {
        get { lock (_gate) return _state.Rate.PerSecond; }
    }

    /// <summary>How many connections are in a stage.</summary>
    public int Opening(OpeningStage stage)
    {
        lock (_gate) return Slots(stage).Count;
    }

    /// <summary>A connection that will say with a PROXY protocol header who it is. Null: it is to be closed at once.</summary>
    public AdmissionPass? TryAwaitHeader(IPAddress? address)
    {
        bool isProxy;
        lock (_gate) isProxy = address is not null && _proxies.Contains(ClientNetwork.Of(address));
        var pass = new AdmissionPass(this, address, OpeningStage.ProxyHeader) { IsSpared = isProxy };
        bool isIn;
        Slot? closed;
        lock (_gate) isIn = Slots(OpeningStage.ProxyHeader).TryTake(pass, out closed);
        return Settle(pass, isIn, closed);
    }

    /// <summary>The header has come: the client's address takes over. Null: the connection is to be closed at once.</summary>
    /// <param name="header">The pass of <see cref="TryAwaitHeader"/>, which is over.</param>
    /// <param name="source">Null: the proxy speaks for itself, and nobody makes room at its cost.</param>
    /// <param name="stage">What comes next.</param>
    public AdmissionPass? TryAdmitBehind(AdmissionPass header, IPAddress? source, OpeningStage stage)
    {
        lock (_gate)
        {
            Slots(OpeningStage.ProxyHeader).Free(header);
            if (_proxies.Count < MaxProxies) _proxies.Add(header.Network);
        }
        return Admit(new AdmissionPass(this, source ?? header.Network, stage) { IsSpared = source is null });
    }

    /// <summary>Null: the connection is to be closed at once. One that is let in is opening until the pass is released.</summary>
    /// <param name="address">Null where a transport has none: all of those are one.</param>
    /// <param name="stage">What comes next.</param>
    public AdmissionPass? TryAdmit(IPAddress? address, OpeningStage stage) => Admit(new AdmissionPass(this, address, stage));

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

    /// <inheritdoc cref="AdmissionPass.TryEnter"/>
    public bool TryMove(AdmissionPass pass, OpeningStage next)
    {
        bool isIn;
        Slot? closed = null;
        lock (_gate)
        {
            isIn = pass.HasSlot;
            Slots(pass.Stage).Free(pass);
            pass.Stage = next;
            isIn = isIn && Slots(next).TryTake(pass, out closed);
        }
        return Settle(pass, isIn, closed) is not null;
    }

    /// <inheritdoc cref="AdmissionPass.Work"/>
    public void Work(AdmissionPass pass)
    {
        lock (_gate) Slots(pass.Stage).Work(pass);
    }

    /// <inheritdoc cref="AdmissionPass.Wait"/>
    public void Wait(AdmissionPass pass)
    {
        lock (_gate) Slots(pass.Stage).Wait(pass);
    }

    /// <inheritdoc cref="AdmissionPass.Release"/>
    public void Release(AdmissionPass pass)
    {
        lock (_gate) Slots(pass.Stage).Free(pass);
    }

    private AdmissionPass? Admit(AdmissionPass pass)
    {
        long now = _clock.NowMs;
        bool isIn;
        Slot? closed = null;
        lock (_gate)
        {
            var (next, isInTime) = AdmissionCore.Accept(_state, pass.Network, now);
            isIn = isInTime && !Slots(OpeningStage.Connect).IsOverworked && Slots(pass.Stage).TryTake(pass, out closed);
            // A connection that finds no slot uses up nothing of the rate.
            if (isIn || !isInTime) _state = next;
        }
        return Settle(pass, isIn, closed);
    }

    /// <summary>The connection that has lost its slot goes.</summary>
    private AdmissionPass? Settle(AdmissionPass pass, bool isIn, Slot? closed)
    {
        if (closed is AdmissionPass other)
        {
            _metrics.OpeningClosed(other.Stage);
            if (_shortages[(int)other.Stage].IsDue()) _log.OpeningsShort(other.Stage, RemoteAddress.Of(other.Network));
            other.Close();
        }
        if (isIn) return pass;
        _metrics.NotAdmitted();
        return null;
    }

    private FairSlots Slots(OpeningStage stage) => _slots[(int)stage];
}
