using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net.Security;
using System.Reflection;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Blocks;
using Fleet.Gateway.Downloads;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Fleet.UnitTests.DeviceSim;
using Fleet.UnitTests.Rules;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Orleans;
using ClusterMember = Fleet.Gateway.Hosting.ClusterMember;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>A whole gateway with a socket of its own, over grains that it shares with others. Its roads to the other gateways can be broken.</summary>
internal sealed class LiveGateway : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly BreakableGrains _grains;
    private ListenOptions _listen = null!;

    private LiveGateway(GrainsUnderTest grains, SharedRetainedStore store, ISessionStore sessions, Action<SettingsUnderTest>? configure)
    {
        _grains = new BreakableGrains(grains.Factory);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IGrainFactory>(_grains);
        builder.Services.AddSingleton<IRetainedStore>(store);
        builder.Services.AddSingleton<IRuleQueue, MemoryRuleQueue>();
        builder.Services.AddSingleton(sessions);
        builder.Services.AddSingleton<IGatewayTrust, NoTrust>();
        builder.Services.AddSingleton<IBlobSource, NoBlobs>();
        builder.Services.AddSingleton<IDownloadKey, NoKey>();
        builder.Services.AddSingleton<IPasswordAuthenticator, NoPasswords>();
        builder.Services.AddFleetGateway();
        var settings = new SettingsUnderTest();
        settings.Cluster.Name = Guid.NewGuid().ToString("n");
        configure?.Invoke(settings);
        settings.AddTo(builder.Services);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.UseConnectionHandler<PlainTransport>();
            _listen = listen;
        }));
        _app = builder.Build();
    }

    public string Id => Service<GatewayIdentity>().Id;
    public ClusterMember Member => Service<ClusterMember>();
    public Peers Peers => Service<Peers>();

    /// <summary>What becomes of its calls to other gateways; by default they go through.</summary>
    public Func<Func<Task<PeerAnswer>>, Task<PeerAnswer>> OnForward { set => _grains.OnForward = value; }

    /// <summary>What becomes of the messages of sessions that it collects from other gateways; by default they come.</summary>
    public Func<Func<Task<MovedMessages?>>, Task<MovedMessages?>> OnCollect { set => _grains.OnCollect = value; }

    /// <summary>Nothing gets from here to that gateway before the task completes.</summary>
    public void Block(LiveGateway to, Task until) => _grains.Blocked[to.Id] = until;

    /// <summary>Its beats, and all that it has for others, are lost.</summary>
    public bool IsCutOff { set => _grains.IsCutOff = value; }

    /// <summary>As a process that was killed: nothing comes from it, and nothing reaches it. What it had of the store is what it had written.</summary>
    public void Kill()
    {
        _grains.IsCutOff = _grains.IsDead = true;
        Service<SessionJournal>().Close();
    }

    public static async Task<LiveGateway> Start(
        GrainsUnderTest grains, SharedRetainedStore store, ISessionStore sessions, Action<SettingsUnderTest>? configure = null)
    {
        var gateway = new LiveGateway(grains, store, sessions, configure);
        await gateway._app.StartAsync();
        // It does not wait for them, and a test may look at once.
        await gateway.Service<RetainedMessages>().CatchUp(default);
        return gateway;
    }

    public T Service<T>() where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>A client of the plain port, over TCP.</summary>
    public Task<Client> Connect(string clientId, Func<MqttClientOptions, MqttClientOptions>? options = null) =>
        Client.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = ((System.Net.IPEndPoint)_listen.EndPoint!).Port, ClientId = clientId }, options);

    /// <summary>A client that signed in with a certificate.</summary>
    public Task<Client> Connect(CertificateId certificate, string clientId, Func<MqttClientOptions, MqttClientOptions>? options = null) =>
        Client.Connect(new MqttClientOptions { ClientId = clientId, OpenStream = _ => new(Dial(certificate)) }, options);

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
    }

    private DuplexStream Dial(CertificateId certificate)
    {
        var (client, fromClient, toClient) = DuplexStream.Pair();
        var connection = new PipeConnection(Service<ConnectionServices>(), new ConnectionSource(Listener.Mqtts, certificate, "10.0.0.1"), fromClient, new Output(toClient));
        _ = connection.Run().ContinueWith(_ => toClient.Complete(), TaskScheduler.Default);
        return client;
    }

    private sealed class Output(PipeWriter writer) : ITransportOutput
    {
        public async ValueTask Write(ReadOnlyMemory<byte> bytes) => await writer.WriteAsync(bytes);

        public void Abort() => writer.Complete();
    }

    private sealed class NoTrust : IGatewayTrust
    {
        public SslStreamCertificateContext ServerCertificate => throw new NotSupportedException();
        public X509Certificate2Collection ClientAnchors => throw new NotSupportedException();
    }

    private sealed class NoBlobs : IBlobSource
    {
        public SafeFileHandle? OpenRead(string sha256) => null;
    }

    private sealed class NoKey : IDownloadKey
    {
        public ReadOnlySpan<byte> Key => new byte[32];
    }

    private sealed class NoPasswords : IPasswordAuthenticator
    {
        public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) => new((string?)null);
    }
}

/// <summary>A client and what it has received.</summary>
internal sealed class Client : IAsyncDisposable
{
    private readonly System.Threading.Channels.Channel<IncomingMessage> _inbox = System.Threading.Channels.Channel.CreateUnbounded<IncomingMessage>();

    public MqttClient Mqtt { get; private init; } = null!;

    /// <summary>For a client whose session outlives its connection, by an hour.</summary>
    public static MqttClientOptions Persistent(MqttClientOptions options) => options with { CleanStart = false, SessionExpirySeconds = 3_600 };

    public static async Task<Client> Connect(MqttClientOptions options, Func<MqttClientOptions, MqttClientOptions>? configure)
    {
        var inbox = System.Threading.Channels.Channel.CreateUnbounded<IncomingMessage>();
        options = options with { OnMessage = message => inbox.Writer.WriteAsync(message) };
        return new Client(inbox) { Mqtt = await MqttClient.ConnectAsync(configure?.Invoke(options) ?? options) };
    }

    private Client(System.Threading.Channels.Channel<IncomingMessage> inbox) => _inbox = inbox;

    public async Task Subscribe(string filter, Qos qos = Qos.AtLeastOnce) => Assert.Equal((ReasonCode)qos, await Mqtt.SubscribeAsync(filter, qos));

    public async Task Publish(string topic, string payload, Qos qos = Qos.AtLeastOnce, bool retain = false) => Assert.Equal(
        ReasonCode.Success,
        await Mqtt.PublishAsync(new MqttMessage { Topic = topic, Payload = System.Text.Encoding.UTF8.GetBytes(payload), Qos = qos, Retain = retain }));

    public async Task<IncomingMessage> Next()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await _inbox.Reader.ReadAsync(patience.Token);
    }

    /// <summary>Payloads until one of them is <paramref name="last"/>, which is left out.</summary>
    public async Task<List<string>> Until(string last)
    {
        List<string> payloads = [];
        while (TextOf(await Next()) is var payload && payload != last) payloads.Add(payload);
        return payloads;
    }

    public static string TextOf(IncomingMessage message) => System.Text.Encoding.UTF8.GetString(message.Payload.Span);

    public ValueTask DisposeAsync() => Mqtt.DisposeAsync();
}

/// <summary>Retained messages in memory, with versions, for all gateways of a test.</summary>
internal sealed class SharedRetainedStore : IRetainedStore
{
    private readonly ConcurrentDictionary<string, RetainedMessage> _messages = new(StringComparer.Ordinal);
    private long _version;

    public async IAsyncEnumerable<RetainedMessage> Load(long afterVersion, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.Yield();
        foreach (var message in _messages.Values.Where(message => message.Version > afterVersion).OrderBy(message => message.Version)) yield return message;
    }

    public async Task<long> Set(RetainedMessage message, CancellationToken cancellation)
    {
        await Task.Yield();
        lock (_messages)
        {
            _messages[message.Topic] = message with { Version = ++_version };
            return _version;
        }
    }

    public Task<long> Delete(string topic, CancellationToken cancellation) =>
        Set(new RetainedMessage(topic, default, 0, default, DateTimeOffset.UnixEpoch, null), cancellation);
}

/// <summary>The grains, with the roads to gateways through the test's hands.</summary>
internal sealed class BreakableGrains(IGrainFactory grains) : StringKeyedGrains
{
    public volatile bool IsCutOff, IsDead;

    // Whoever refers to an observer does not keep it.
    private readonly List<IGrainObserver> _doors = [];

    public Func<Func<Task<PeerAnswer>>, Task<PeerAnswer>> OnForward { get; set; } = send => send();

    public Func<Func<Task<MovedMessages?>>, Task<MovedMessages?>> OnCollect { get; set; } = collect => collect();

    /// <summary>Until when, by the gateway that is the road's end.</summary>
    public ConcurrentDictionary<string, Task> Blocked { get; } = new(StringComparer.Ordinal);

    public override TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
    {
        var grain = grains.GetGrain<TGrainInterface>(primaryKey, grainClassNamePrefix);
        if (typeof(TGrainInterface) != typeof(IGatewayGrain)) return grain;
        var road = DispatchProxy.Create<TGrainInterface, Road>();
        ((Road)(object)road).Become(this, primaryKey, grain);
        return road;
    }

    public override TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
    {
        var door = DispatchProxy.Create<TGrainObserverInterface, Door>();
        ((Door)(object)door).Become(this, obj);
        _doors.Add(door);
        return grains.CreateObjectReference<TGrainObserverInterface>(door);
    }

    public override void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj) =>
        grains.DeleteObjectReference<TGrainObserverInterface>(obj);

    // The runtime derives the proxy from it.
#pragma warning disable CA1852
    public class Road : DispatchProxy
#pragma warning restore CA1852
    {
        private BreakableGrains? _owner;
        private string _to = "";
        private object? _grain;

        internal void Become(BreakableGrains owner, string to, object grain) => (_owner, _to, _grain) = (owner, to, grain);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (_owner!.IsCutOff) throw new TimeoutException("The network is down.");
            object? Call() => targetMethod!.Invoke(_grain, args);
            return targetMethod!.Name switch
            {
                nameof(IGatewayGrain.Forward) => Forward(() => (Task<PeerAnswer>)Call()!),
                nameof(IGatewayGrain.Collect) => _owner.OnCollect(() => (Task<MovedMessages?>)Call()!),
                _ => Call(),
            };
        }

        private async Task<PeerAnswer> Forward(Func<Task<PeerAnswer>> send)
        {
            if (_owner!.Blocked.TryGetValue(_to, out var until)) await until;
            return await _owner.OnForward(send);
        }
    }

    // So it is here.
#pragma warning disable CA1852
    public class Door : DispatchProxy
#pragma warning restore CA1852
    {
        private BreakableGrains? _owner;
        private object? _observer;

        internal void Become(BreakableGrains owner, object observer) => (_owner, _observer) = (owner, observer);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            _owner!.IsDead ? throw new TimeoutException("The process is dead.") : targetMethod!.Invoke(_observer, args);
    }
}
