using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Fleet.Gateway.Admission;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Cluster;
using Fleet.Gateway.Durable;
using Fleet.Gateway.Hosting;
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
using Fleet.UnitTests.Durable;
using Fleet.UnitTests.Rules;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans;

namespace Fleet.UnitTests.Gateway;

/// <summary>The gateway's parts below the transport, wired by hand: a clock that is moved, a store that can be held up.</summary>
internal sealed class GatewayParts
{
    /// <param name="sessions">What another gateway has left; null: nothing.</param>
    /// <param name="start">Where its clock begins.</param>
    public GatewayParts(Action<GatewayOptions>? configure = null, MemorySessionStore? sessions = null, DateTimeOffset? start = null)
    {
        Time = new WatchedTime(start ?? new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
        Sessions = sessions ?? new MemorySessionStore();
        // What is noted is written at once, or a test would have to move the clock for it.
        var options = new GatewayOptions { JournalWindowMilliseconds = 0 };
        configure?.Invoke(options);
        Options = Microsoft.Extensions.Options.Options.Create(options);
        Clock = new GatewayClock(Time);
        Metrics = new GatewayMetrics(MeterFactory);
        Admission = new ConnectAdmission(Options, Metrics);
        Flapping = new Flapping(Options);
        Fences = new Fences(Gateway, Clock);
        Routes = new Routes(Peers);
        Retained = new RetainedMessages(Store, Peers, Options, Clock, NullLogger<RetainedMessages>.Instance);
        Journal = new SessionJournal(Sessions, Options, Clock, NullLogger<SessionJournal>.Instance);
        var snapshots = new SessionSnapshots(new PolicySource(Options), Clock);
        Broker = new Broker(Retained, Peers, Routes, new Forwarder(Peers, Clock, Metrics), Journal);
        Directory = new SessionDirectory(Broker, Leases, Fences, Journal, snapshots, Options, Metrics, Clock);
        Certificates = new RestoredCertificates(Grains, Directory, Clock, NullLogger<RestoredCertificates>.Instance);
        Restore = new SessionRestore(Sessions, Journal, Directory, Broker, snapshots, Certificates, Gateway, Options, Metrics, Clock, NullLogger<SessionRestore>.Instance);
        Heirs = new Heirs(Peers, Broker);
        Estates = new Estates(Sessions, Restore, Journal, Broker, Routes, Peers, Heirs, Gateway, Clock, NullLogger<Estates>.Instance);
        Estates.Begin("test", default).GetAwaiter().GetResult();
        Flush = new PeerFlush(Peers, Gateway, Time);
        Moves = new SessionMoves(Directory, Journal, snapshots, Broker, Peers, Flush, Fences, Options, Metrics, Clock);
        Inbox = new PeerInbox(Peers, Broker, Journal, Retained, Moves, Flush, Heirs, Estates, Clock, NullLogger<PeerInbox>.Instance);
        Rules = new GatewayRules(Broker, new RuleParts(
            RuleQueue, Grains, new RuleMessageIds(Clock), new RuleIngestMetrics(MeterFactory), Microsoft.Extensions.Options.Options.Create(RuleOptions), Clock,
            NullLogger<RuleSubscriber>.Instance));
        Channels = new ChannelServices(
            Options, Gateway, Directory, Broker, Retained, Journal, Rules, new SubscriptionEvents(Broker, Clock), Metrics, NullLogger<MqttChannel>.Instance);
    }

    /// <summary>Meters live until it is disposed of: who makes parts by the thousand does so.</summary>
    public IMeterFactory MeterFactory { get; } = Meters();
    public WatchedTime Time { get; }
    public GatewayClock Clock { get; }
    public IOptions<GatewayOptions> Options { get; }
    public GatewayMetrics Metrics { get; }
    public HeldStore Store { get; } = new();
    public MemorySessionStore Sessions { get; }
    public SessionJournal Journal { get; }
    public RestoredCertificates Certificates { get; }
    public SessionRestore Restore { get; }
    public ReleasedLeases Leases { get; } = new();
    public GatewayIdentity Gateway { get; } = new();
    public ConnectAdmission Admission { get; }
    public Flapping Flapping { get; }
    public Fences Fences { get; }
    public Peers Peers { get; } = new();
    public Routes Routes { get; }
    public Heirs Heirs { get; }
    public Estates Estates { get; }
    public PeerFlush Flush { get; }
    public PeerInbox Inbox { get; }
    public SessionMoves Moves { get; }
    public RetainedMessages Retained { get; }
    public Broker Broker { get; }
    public MemoryRuleQueue RuleQueue { get; } = new();
    public RuleQueueOptions RuleOptions { get; } = new();
    public StubGrains Grains { get; } = new StubGrains().On<IRuleGrain>(nameof(IRuleGrain.Wake), (_, _) => Task.CompletedTask);
    public GatewayRules Rules { get; }
    public SessionDirectory Directory { get; }
    public ChannelServices Channels { get; }

    public SessionFinder Finder(IGrainFactory grains) => new(Sessions, grains, Gateway, Directory, Estates, Clock, NullLogger<SessionFinder>.Instance);

    /// <summary>A client of the plain port: all topics but those with '$'.</summary>
    public static SessionIdentity Plain(string clientId = "p") => Identity(SessionKind.Plain, clientId, BuiltInPolicies.Development);

    public static SessionIdentity Device(string thing, string? certificate = null)
    {
        Assert.True(ThingName.TryParse(thing, out var name));
        return Identity(SessionKind.Device, thing, BuiltInPolicies.Device, name, certificate ?? new string('a', 64));
    }

    public static SessionIdentity Identity(SessionKind kind, string clientId, PolicyDocument policy, ThingName? thing = null, string? certificate = null, string? template = null)
    {
        CertificateId? id = certificate is not null && CertificateId.TryParse(certificate, out var parsed) ? parsed : null;
        return new SessionIdentity
        {
            Kind = kind,
            ClientId = clientId,
            SessionId = Guid.NewGuid().ToString("n"),
            Policy = CompiledPolicy.Compile(policy, SessionIdentity.PolicyVariables(clientId, "10.0.0.1", thing, template)),
            RemoteAddress = "10.0.0.1",
            Thing = thing,
            Certificate = id,
            Heartbeat = thing is { } name ? new Heartbeat(name) : null,
        };
    }

    public static IMeterFactory Meters() => new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();

    /// <summary>A store whose writes wait until the test lets them through.</summary>
    public sealed class HeldStore : IRetainedStore
    {
        private TaskCompletionSource _open = Completed();
        private long _version;
        private int _waiting;

        public List<string> Written { get; } = [];
        public Exception? Failure { get; set; }

        public bool IsHeld => !_open.Task.IsCompleted;

        /// <summary>Writes that are held up.</summary>
        public int Waiting => Volatile.Read(ref _waiting);

        public void Hold() => _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _open.TrySetResult();

        public async IAsyncEnumerable<RetainedMessage> Load(long afterVersion, [EnumeratorCancellation] CancellationToken cancellation)
        {
            await Task.Yield();
            yield break;
        }

        public async Task<long> Set(RetainedMessage message, CancellationToken cancellation)
        {
            await Opened();
            lock (Written) Written.Add($"{message.Topic}={System.Text.Encoding.UTF8.GetString(message.Payload.Span)}");
            return Interlocked.Increment(ref _version);
        }

        public async Task<long> Delete(string topic, CancellationToken cancellation)
        {
            await Opened();
            lock (Written) Written.Add($"{topic} deleted");
            return Interlocked.Increment(ref _version);
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

    public sealed class ReleasedLeases : ISessionLeases
    {
        public List<string> Keys { get; } = [];

        /// <summary>Keys of the sessions whose will is none any more.</summary>
        public List<string> Wills { get; } = [];

        public void Release(SessionIdentity identity) => Keys.Add(identity.Key);

        public void ForgetWill(SessionIdentity identity) => Wills.Add(identity.Key);
    }
}
