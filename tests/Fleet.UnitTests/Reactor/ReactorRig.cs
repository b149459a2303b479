using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Reactor;
using Fleet.Gateway.Reactor.Tls;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.UnitTests.Gateway;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Reactor;

/// <summary>
/// Two loops with a plain and a TLS listener on real sockets, over a gateway's parts and a clock that is moved. Where the reactor cannot
/// run, the test is skipped, and says so.
/// </summary>
internal sealed class ReactorRig : IAsyncDisposable
{
    public const string Connect = "100D00044D5154540402003C000170";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ReactorLoop[] _loops;
    private readonly ReactorListener[] _listeners;
    private readonly TlsContext _tls;

    public ReactorRig(Action<SettingsUnderTest>? configure = null)
    {
        if (TransportChoice.WhyNoReactor() is { } reason) Assert.Skip(reason);
        Parts = new GatewayParts(options =>
        {
            options.Admission.ConnectRate = 1_000_000;
            options.Admission.FlappingLimit = 0;
            configure?.Invoke(options);
        });
        Grains.On<ISessionGrain>("Open", (_, _) => Task.FromResult(new SessionLease(new(1))));
        Grains.On<IDeviceGrain>("Connected", (_, _) => Task.CompletedTask).On<IDeviceGrain>("Disconnected", (_, _) => Task.CompletedTask);
        var devices = new PresenceReporter(Grains, Parts.Gateway, Parts.Clock, NullLogger<PresenceReporter>.Instance);
        var life = new SessionLifecycle(
            devices, new PresenceEvents(Parts.Broker, Parts.Clock), Parts.Directory, Parts.Leases, Parts.Claims, Parts.Flapping, Parts.Clock,
            NullLogger<SessionLifecycle>.Instance);
        var authoriser = Parts.Authoriser(Grains, Parts.Gateway, life, new NoPasswords());
        Services = new ConnectionServices(
            Options.Create(Parts.Settings.Transport), Parts.Channels, authoriser, life, GatewayParts.NoRequests(),
            new ConnectionRegistry(Parts.Metrics), Parts.Clock, Parts.Metrics, new ConnectionLog(Said));
        _tls = new TlsContext(Pki);
        _loops = [new ReactorLoop(0, Parts.Clock, null), new ReactorLoop(1, Parts.Clock, null)];
        var loopback = new IPEndPoint(IPAddress.Loopback, 0);
        _listeners =
        [
            new ReactorListener(loopback, _loops, new ListenerTerms(Listener.Plain, null, Services, Parts.Admission)),
            new ReactorListener(loopback, _loops, TlsTerms),
        ];
        foreach (var loop in _loops)
        {
            Services.Connections.Watch(loop);
            loop.Start();
        }
        foreach (var listener in _listeners) listener.Start();
    }

    public GatewayParts Parts { get; }

    /// <summary>What the log says of connections.</summary>
    public ConcurrentQueue<string> Said { get; } = new();
    public StubGrains Grains { get; } = new();
    public TestPki Pki { get; } = new();
    public ConnectionServices Services { get; }

    /// <summary>Sockets that the loops hold, their two listeners left out.</summary>
    public int Sockets => _loops.Sum(loop => loop.Load) - _listeners.Length;

    public static string IdOf(X509Certificate2 certificate) => Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));

    /// <summary>The clock moves, and the loops look at it.</summary>
    public void Pass(TimeSpan time)
    {
        Parts.Time.Advance(time);
        Services.Connections.Tick(Parts.Clock.NowMs);
    }

    /// <summary>As if the TLS listener had accepted this, which is the rig's from here on.</summary>
    public void Take(int file)
    {
        var pass = Parts.Admission.TryAdmit(IPAddress.Loopback, OpeningStage.TlsHandshake)!;
        _loops[0].Expect();
        _loops[0].Post(new PendingConnection(_loops[0], TlsTerms, file, IPAddress.Loopback, pass, Parts.Clock.NowMs));
    }

    /// <summary>Makes the certificate known as this thing's.</summary>
    public void Register(X509Certificate2 certificate, string thing)
    {
        Assert.True(CertificateId.TryParse(IdOf(certificate), out var id));
        Assert.True(ThingName.TryParse(thing, out var name));
        Grains.On<ICertificateGrain>("Get", (key, _) => Task.FromResult<CertificateView?>(key != id.Value ? null : new CertificateView
        {
            Id = id,
            Kind = CertificateKind.Device,
            Status = CertificateStatus.Active,
            SerialNumber = "1",
            NotBefore = DateTimeOffset.MinValue,
            NotAfter = DateTimeOffset.MaxValue,
            Thing = name,
            Template = null,
            Label = null,
            Der = [],
            CreatedAt = DateTimeOffset.MinValue,
        }));
    }

    public async Task<Peer> Dial(int receiveBufferBytes = 0)
    {
        var socket = await Dial(_listeners[0].Port, receiveBufferBytes);
        return new Peer(new NetworkStream(socket, ownsSocket: true));
    }

    /// <summary>TCP to the TLS port, and not a byte more.</summary>
    public async Task<Peer> DialTlsWithoutTls() => new(new NetworkStream(await Dial(_listeners[1].Port, 0), ownsSocket: true));

    /// <exception cref="AuthenticationException">Or an <see cref="IOException"/>: the server wants no more.</exception>
    public async Task<Peer> DialTls(X509Certificate2? certificate, string? protocol = "mqtt", SslProtocols version = SslProtocols.None)
    {
        var stream = new SslStream(new NetworkStream(await Dial(_listeners[1].Port, 0), ownsSocket: true));
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = version,
            ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
            ApplicationProtocols = protocol is null ? null : [new(protocol)],
            RemoteCertificateValidationCallback = (_, server, _, _) =>
                server!.GetRawCertData().AsSpan().SequenceEqual(Pki.ServerCertificate.TargetCertificate.RawData),
        });
        return new Peer(stream);
    }

    /// <summary>Waits until the loops hold so many sockets.</summary>
    public async Task Holds(int sockets)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (Sockets != sockets || (sockets == 0 && Services.Connections.Count > 0))
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
    }

    /// <summary>Waits until so many connections have begun: a loop holds a socket before its time runs.</summary>
    public async Task Opens(int connections)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (Services.Connections.Count != connections)
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners) listener.Close();
        Services.Connections.EndAll(EndCause.ShuttingDown);
        foreach (var loop in _loops) loop.Dispose();
        foreach (var listener in _listeners) listener.Dispose();
        _tls.Dispose();
        await Task.CompletedTask;
    }

    private ListenerTerms TlsTerms => new(Listener.Mqtts, _tls, Services, Parts.Admission);

    private static async Task<Socket> Dial(int port, int receiveBufferBytes)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBufferBytes > 0) socket.ReceiveBufferSize = receiveBufferBytes;
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    /// <summary>The other end of a connection, in hexadecimal.</summary>
    internal sealed class Peer(Stream stream) : IAsyncDisposable
    {
        public Stream Stream => stream;

        public async Task Send(string hex) => await stream.WriteAsync(Convert.FromHexString(hex));

        public async Task<string> Read(int bytes)
        {
            using var patience = new CancellationTokenSource(Patience);
            byte[] buffer = new byte[bytes];
            await stream.ReadExactlyAsync(buffer, patience.Token);
            return Convert.ToHexString(buffer);
        }

        /// <summary>What still comes before the server closes.</summary>
        public async Task<string> ReadToEnd()
        {
            using var patience = new CancellationTokenSource(Patience);
            var all = new MemoryStream();
            try
            {
                await stream.CopyToAsync(all, patience.Token);
            }
            catch (IOException)
            {
                // A reset is an end too.
            }
            return Convert.ToHexString(all.ToArray());
        }

        public async Task<Peer> Connected()
        {
            await Send(Connect);
            Assert.Equal("20020000", await Read(4));
            return this;
        }

        public ValueTask DisposeAsync() => stream.DisposeAsync();
    }

    private sealed class ConnectionLog(ConcurrentQueue<string> said) : ILogger<MqttConnection>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            said.Enqueue($"{formatter(state, exception)} {exception?.Message}");
    }

    private sealed class NoPasswords : IPasswordAuthenticator
    {
        public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) =>
            new((string?)null);
    }
}
