using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Fleet.Gateway;
using Fleet.Gateway.Auth;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Directory;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rules;
using Fleet.UnitTests.Gateway.Journal;
using Fleet.UnitTests.Rules;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans;
using ClusterMember = Fleet.Gateway.Hosting.ClusterMember;

namespace Fleet.UnitTests.Gateway;

/// <summary>
/// The gateway's parts below the transport, as <c>AddFleetGateway</c> wires them: with a clock that is moved, and stores that can be held
/// up.
/// </summary>
internal sealed class GatewayParts
{
    private readonly ServiceProvider _services;

    /// <param name="sessions">What another gateway has left; null: nothing.</param>
    /// <param name="start">Where its clock begins.</param>
    public GatewayParts(Action<SettingsUnderTest>? configure = null, MemorySessionStore? sessions = null, DateTimeOffset? start = null)
    {
        Time = new WatchedTime(start ?? new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
        Sessions = sessions ?? new MemorySessionStore();
        var services = new ServiceCollection();
        services.AddLogging().AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        services.AddFleetGateway();
        services.AddSingleton<TimeProvider>(Time).AddSingleton<IGrainFactory>(Grains);
        services.AddSingleton<IRetainedStore>(Store).AddSingleton<ISessionStore>(Sessions).AddSingleton<IRuleQueue>(RuleQueue);
        services.AddSingleton<ISessionLeaseReleaser>(Leases);
        configure?.Invoke(Settings);
        Settings.AddTo(services);
        _services = services.BuildServiceProvider();
        SessionFailover.Begin("test", default).GetAwaiter().GetResult();
        if (Settings.ReadsRetained) Retained.CatchUp(default).GetAwaiter().GetResult();
    }

    public WatchedTime Time { get; }
    public HeldStore Store { get; } = new();
    public MemorySessionStore Sessions { get; }
    public ReleasedLeases Leases { get; } = new();
    public MemoryRuleQueue RuleQueue { get; } = new();
    public StubGrains Grains { get; } = new StubGrains().On<IRuleGrain>(nameof(IRuleGrain.Wake), (_, _) => Task.CompletedTask);

    /// <summary>Meters live until it is disposed of: who makes parts by the thousand does so.</summary>
    public IMeterFactory MeterFactory => Part<IMeterFactory>();
    public GatewayClock Clock => Part<GatewayClock>();
    public SettingsUnderTest Settings { get; } = new();
    public PolicySource Policies => Part<PolicySource>();
    public RuleQueueOptions RuleOptions => Part<IOptions<RuleQueueOptions>>().Value;
    public GatewayMetrics Metrics => Part<GatewayMetrics>();
    public GatewayIdentity Gateway => Part<GatewayIdentity>();
    public SessionJournal Journal => Part<SessionJournal>();
    public RestoredCertificates Certificates => Part<RestoredCertificates>();
    public SessionRestore Restore => Part<SessionRestore>();
    public ConnectAdmission Admission => Part<ConnectAdmission>();
    public ClaimSessions Claims => Part<ClaimSessions>();
    public Flapping Flapping => Part<Flapping>();
    public Fences Fences => Part<Fences>();
    public Peers Peers => Part<Peers>();
    public Routes Routes => Part<Routes>();
    public SessionFailover SessionFailover => Part<SessionFailover>();
    public LinkBarrier Barrier => Part<LinkBarrier>();
    public PeerInbox Inbox => Part<PeerInbox>();
    public SessionHandoff SessionHandoff => Part<SessionHandoff>();
    public RetainedMessages Retained => Part<RetainedMessages>();
    public Broker Broker => Part<Broker>();
    public GatewayRules Rules => Part<GatewayRules>();
    public SessionDirectory Directory => Part<SessionDirectory>();
    public SessionEnding Ending => Part<SessionEnding>();
    public ClusterMember Member => Part<ClusterMember>();
    public TakenOverSessions TakenOver => Part<TakenOverSessions>();
    public ChannelServices Channels => Part<ChannelServices>();

    /// <summary>What the gateway does every second.</summary>
    public void Sweep()
    {
        foreach (var sweep in _services.GetServices<Sweep>()) sweep(Clock.NowMs);
    }

    public SessionTakeover Takeover(IGrainFactory grains) => ActivatorUtilities.CreateInstance<SessionTakeover>(_services, grains);

    public SessionAcquirer Acquirer(IGrainFactory grains) =>
        ActivatorUtilities.CreateInstance<SessionAcquirer>(_services, grains, Takeover(grains));

    /// <summary>One that asks these grains, and tells of what it decides here.</summary>
    public ConnectAuthoriser Authoriser(
        IGrainFactory grains, GatewayIdentity gateway, SessionLifecycle lifecycle, IPasswordAuthenticator passwords) => new(
            gateway, new ClientAuthenticator(grains, passwords, Clock),
            new SessionAcquirer(
                grains, gateway, SessionHandoff, Takeover(grains), Fences, Broker, Options.Create(new AdmissionOptions()), Clock,
                NullLogger<SessionAcquirer>.Instance),
            lifecycle, Policies, Admission, Claims, Flapping, Clock, Metrics, NullLogger<ConnectAuthoriser>.Instance);

    /// <summary>For connections that make no requests to reserved topics.</summary>
    public static RequestDispatcher NoRequests() => new(Enum.GetValues<TopicFamily>().Select(family => new NoHandler(family)));

    /// <summary>A client of the plain port: all topics but those with '$'.</summary>
    public static SessionIdentity Plain(string clientId = "p") => Identity(SessionKind.Plain, clientId, BuiltInPolicies.Development);

    public static SessionIdentity Device(string thing, string? certificate = null)
    {
        Assert.True(ThingName.TryParse(thing, out var name));
        return Identity(SessionKind.Device, thing, BuiltInPolicies.Device, name, certificate ?? new string('a', 64));
    }

    public static SessionIdentity Identity(SessionKind kind, string clientId, PolicyDocument policy, ThingName? thing = null,
        string? certificate = null, string? template = null, string? operatorName = null)
    {
        CertificateId? id = certificate is not null && CertificateId.TryParse(certificate, out var parsed) ? parsed : null;
        return new SessionIdentity
        {
            Kind = kind,
            ClientId = clientId,
            ConnectionId = Guid.NewGuid().ToString("n"),
            Policy = SessionPolicy.Fill(policy, SessionIdentity.PolicyVariables(clientId, "10.0.0.1", thing, template)),
            RemoteAddress = "10.0.0.1",
            Epoch = new(1),
            Thing = thing,
            Certificate = id,
            Operator = operatorName,
            Heartbeat = thing is { } name ? new Heartbeat(name) : null,
        };
    }

    private T Part<T>() where T : notnull => _services.GetRequiredService<T>();

    public static IMeterFactory Meters() => new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();

    /// <summary>A store whose writes wait until the test lets them through.</summary>
    public sealed class HeldStore : IRetainedStore
    {
        private TaskCompletionSource _open = Completed();
        private int _waiting;
        private long _versions;

        public List<string> Written { get; } = [];

        /// <summary>What it had before.</summary>
        public List<RetainedMessage> Kept { get; } = [];
        public Exception? Failure { get; set; }

        /// <summary>The last that it has given.</summary>
        public long Versions { get => _versions; set => _versions = value; }

        public bool IsHeld => !_open.Task.IsCompleted;

        /// <summary>Writes that are held up.</summary>
        public int Waiting => Volatile.Read(ref _waiting);

        public void Hold() => _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _open.TrySetResult();

        public async IAsyncEnumerable<RetainedMessage> Load(long afterVersion, [EnumeratorCancellation] CancellationToken cancellation)
        {
            await Task.Yield();
            foreach (var message in Kept) yield return message;
        }

        public async Task<long> Set(RetainedMessage message, CancellationToken cancellation)
        {
            await Opened();
            lock (Written) Written.Add($"{message.Topic}={System.Text.Encoding.UTF8.GetString(message.Payload.Span)}");
            return Interlocked.Increment(ref _versions);
        }

        public async Task<long> Delete(string topic, CancellationToken cancellation)
        {
            await Opened();
            lock (Written) Written.Add($"{topic} deleted");
            return Interlocked.Increment(ref _versions);
        }

        private async Task Opened()
        {
            Interlocked.Increment(ref _waiting);
            await _open.Task;
            Interlocked.Decrement(ref _waiting);
            if (Failure is not null) throw Failure;
        }

        private static TaskCompletionSource Completed()
        {
            var source = new TaskCompletionSource();
            source.SetResult();
            return source;
        }
    }

    private sealed class NoHandler(TopicFamily family) : IRequestHandler
    {
        public TopicFamily Family => family;

        public ValueTask Handle(ReservedRequest request, Requester requester) => throw new NotSupportedException();
    }

    public sealed class ReleasedLeases : ISessionLeaseReleaser
    {
        public List<string> Keys { get; } = [];

        /// <summary>Keys of the sessions whose will is none any more.</summary>
        public List<string> Wills { get; } = [];

        public void Release(SessionIdentity identity) => Keys.Add(identity.Key);

        public void ForgetWill(SessionIdentity identity) => Wills.Add(identity.Key);
    }
}
