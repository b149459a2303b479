using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Reactor.Tls;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Reactor;

/// <summary>What all sockets of one listener go through.</summary>
/// <param name="Tls">Null: bytes as they are.</param>
internal sealed record ListenerTerms(Listener Listener, TlsContext? Tls, ConnectionServices Services, ConnectAdmission Admission)
{
    /// <summary>What a connection is let in to.</summary>
    public OpeningStage FirstStage => Tls is null ? OpeningStage.Connect : OpeningStage.TlsHandshake;
}

/// <summary>
/// A socket from accept to the first byte of MQTT: who is it really (PROXY protocol), may they come in now (admission), are they who they
/// say (TLS)? It costs as little as it can until then, has as long as each of these may take, and goes when another needs its place.
/// </summary>
internal sealed class PendingConnection : IReady, ILoopWork, IOpening, IDisposable
{
    private readonly ReactorLoop _loop;
    private readonly ListenerTerms _terms;
    private readonly int _socket;
    private long _deadline;
    private IPAddress _address;
    private AdmissionPass _pass;
    private TlsWire? _tls;
    private int _key;
    private bool _awaitsHeader, _gone, _queued;
    private long _queuedAt;

    /// <param name="pass">To the header that the listener awaits, or to what comes after.</param>
    /// <param name="now">Monotonic milliseconds.</param>
    public PendingConnection(ReactorLoop loop, ListenerTerms terms, int socket, IPAddress address, AdmissionPass pass, long now)
    {
        _loop = loop;
        _terms = terms;
        _socket = socket;
        _address = address;
        _pass = pass;
        _awaitsHeader = pass.Stage == OpeningStage.ProxyHeader;
        var options = terms.Services.Options;
        _deadline = now + ((_awaitsHeader ? options.ProxyHeaderTimeoutSeconds : options.HandshakeTimeoutSeconds) * 1000L);
        pass.HeldBy(this);
    }

    /// <summary>Any thread may call it.</summary>
    void IOpening.Close() => _loop.Post(new Closing(this));

    /// <summary>Its first turn on its loop, and each further step of its handshake.</summary>
    public void Run()
    {
        if (_gone) return;
        try
        {
            if (_key != 0) Shake();
            // The header is looked at before it is taken, so only what is new counts.
            else if (_awaitsHeader) _key = _loop.Watch(_socket, this, Readiness.In | Readiness.Edge);
            else if (_terms.Tls is not null) _key = _loop.Watch(_socket, this, Readiness.In | Readiness.Once);
            else Open(new PlainWire(_socket), null);
        }
        catch (Exception e)
        {
            _terms.Services.Log.PendingConnectionFailed(RemoteAddress.Of(_address), e);
            Go();
        }
    }

    public void Ready(Readiness readiness)
    {
        if (_gone) return;
        try
        {
            if (_awaitsHeader && !ReadProxyHeader()) return;
            if (_terms.Tls is null) Open(new PlainWire(_socket), null);
            else QueueHandshake();
        }
        catch (Exception e)
        {
            _terms.Services.Log.PendingConnectionFailed(RemoteAddress.Of(_address), e);
            Go();
        }
    }

    public void Tick(long now)
    {
        if (_gone || now < _deadline) return;
        Refuse(_awaitsHeader ? "no PROXY protocol header came in time" : "the TLS handshake was not over in time");
    }

    public void Dispose()
    {
        if (_gone) return;
        _gone = true;
        _pass.Release();
        if (_tls is not null) _tls.Dispose();
        else _ = Libc.Close(_socket);
    }

    /// <returns>False while it is not all there, or if it was the end.</returns>
    private bool ReadProxyHeader()
    {
        switch (ProxyPeek.Read(_socket))
        {
            case ProxyHeader.Complete complete:
                return Identify(complete.Source?.Address);
            case ProxyHeader.Malformed malformed:
                _terms.Services.Log.ProxyHeaderRefused(RemoteAddress.Of(_address), malformed.Fault);
                Go();
                return false;
            default:
                return false;
        }
    }

    /// <returns>False: it is not let in.</returns>
    private bool Identify(IPAddress? source)
    {
        _awaitsHeader = false;
        _address = source ?? _address;
        if (_terms.Admission.TryAdmitBehind(_pass, source, _terms.FirstStage) is not { } pass)
        {
            Go();
            return false;
        }
        _pass = pass;
        _deadline = _loop.NowMs + (_terms.Services.Options.HandshakeTimeoutSeconds * 1000L);
        pass.HeldBy(this);
        return true;
    }

    private void QueueHandshake()
    {
        if (_queued) return;
        _queued = true;
        _pass.Work();
        _queuedAt = _loop.NowMs;
        _loop.Later(this);
    }

    private void Shake()
    {
        _queued = false;
        // Without this, more would be let in than can be served before they give up: each would cost a handshake and get nothing.
        _terms.Admission.Queued(_loop.NowMs - _queuedAt);
        _tls ??= _terms.Tls!.Accept(_socket);
        switch (_tls.Handshake())
        {
            case HandshakeStep.WantsInput:
                _pass.Wait();
                _loop.Modify(_socket, _key, Readiness.In | Readiness.Once);
                break;
            case HandshakeStep.WantsOutput:
                _pass.Wait();
                _loop.Modify(_socket, _key, Readiness.Out | Readiness.Once);
                break;
            case HandshakeStep.Failed:
                Refuse(_tls.Fault!);
                break;
            default:
                Open(_tls, _tls.PeerCertificate);
                break;
        }
    }

    private void Open(Wire wire, CertificateId? certificate)
    {
        if (_pass.Stage != OpeningStage.Connect && !_pass.TryEnter(OpeningStage.Connect))
        {
            Go();
            return;
        }
        bool watched = _key != 0;
        var source = new ConnectionSource(_terms.Listener, certificate, RemoteAddress.Of(_address), _pass);
        if (!watched) _key = _loop.Watch(_socket, this, Readiness.In);
        var connection = new ReactorConnection(_loop, _key, wire, _terms.Services, source);
        _gone = true;
        _pass.HeldBy(connection);
        _loop.Replace(_key, connection);
        if (!watched) return;
        _loop.Modify(_socket, _key, Readiness.In);
        // The first packet may have come along with the end of the handshake.
        if (wire.HasPending) connection.RunAgain();
    }

    private void Refuse(string why)
    {
        _terms.Services.Log.HandshakeFailed(RemoteAddress.Of(_address), why);
        Go();
    }

    private void Go()
    {
        if (_gone) return;
        Dispose();
        if (_key != 0) _loop.Release(_key);
        else _loop.Forgo();
    }

    /// <summary>Its place is another's.</summary>
    private sealed class Closing(PendingConnection connection) : ILoopWork
    {
        public void Run()
        {
            if (!connection._gone) connection.Refuse("it was silent, and its place is needed");
        }
    }
}

/// <summary>Takes a PROXY protocol header off a socket, and not a byte of what follows it.</summary>
internal static unsafe class ProxyPeek
{
    public static ProxyHeader Read(int socket)
    {
        Span<byte> bytes = stackalloc byte[ProxyHeader.MaxBytes];
        fixed (byte* at = bytes)
        {
            nint peeked = Libc.Receive(socket, at, ProxyHeader.MaxBytes, Libc.MessagePeek);
            if (peeked < 0 && Libc.LastError is Libc.WouldBlock or Libc.Interrupted) return new ProxyHeader.Incomplete();
            if (peeked <= 0) return new ProxyHeader.Malformed("The connection ended before its PROXY protocol header was there.");
            var header = ProxyHeader.Read(bytes[..(int)peeked]);
            if (header is ProxyHeader.Complete complete && Libc.Receive(socket, at, (nuint)complete.Length, 0) != complete.Length)
                return new ProxyHeader.Malformed("The connection broke within its PROXY protocol header.");
            return header;
        }
    }
}
