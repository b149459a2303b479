using Fleet.Gateway;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway;

/// <summary>Who is let in: certificate, password or nobody, in this order of questions and no other.</summary>
public sealed class ConnectAuthoriserTests
{
    private static readonly string Id = new('a', 64);

    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();
    private readonly SessionLifecycle _lifecycle;
    private readonly ConnectAuthoriser _authoriser;
    private CertificateView? _certificate;

    public ConnectAuthoriserTests()
    {
        _certificate = Certificate(CertificateKind.Device, "amr-1");
        _grains
            .On<ICertificateGrain>("Get", (_, _) => Task.FromResult(_certificate))
            .On<ISessionGrain>("Open", (_, _) => Task.FromResult(new SessionLease(new(7))))
            .On<IDeviceGrain>("Connected", (_, _) => Task.CompletedTask);
        var devices = new PresenceReporter(_grains, new GatewayIdentity(), _parts.Clock, NullLogger<PresenceReporter>.Instance);
        _lifecycle = new SessionLifecycle(
            devices, new PresenceEvents(_parts.Broker, _parts.Clock), _parts.Directory, _parts.Leases, _parts.Claims, _parts.Flapping, _parts.Clock,
            NullLogger<SessionLifecycle>.Instance);
        _authoriser = _parts.Authoriser(_grains, new GatewayIdentity(), _lifecycle, new OnePassword());
    }

    [Fact]
    public async Task A_device_comes_in_as_its_thing_and_its_grain_knows_before_CONNACK()
    {
        var identity = await LetIn("amr-1");
        Assert.Equal((SessionKind.Device, "amr-1", new SessionEpoch(7)), (identity.Kind, identity.Key, identity.Epoch));
        Assert.Equal([$"{Id}.Get", "amr-1.Open", "amr-1.Connected"], _grains.Calls);
    }

    [Fact]
    public async Task A_claim_cannot_evict_a_device_whatever_client_id_it_takes()
    {
        _certificate = Certificate(CertificateKind.Claim, thing: "amr-1");
        var identity = await LetIn("amr-1");
        Assert.Equal((SessionKind.Claim, $"claim/{Id}/amr-1"), (identity.Kind, identity.Key));
        Assert.Null(identity.Thing);
        Assert.DoesNotContain("amr-1.Connected", _grains.Calls);
    }

    [Fact]
    public async Task A_claim_that_has_all_its_sessions_is_refused_before_it_costs_anything_and_the_devices_come_in()
    {
        var device = _certificate;
        _certificate = Certificate(CertificateKind.Claim, thing: null);
        var identities = new List<SessionIdentity>();
        for (int i = 0; i < _parts.Claims.Max; i++) identities.Add(await LetIn($"c-{i}"));
        int calls = _grains.Calls.Count;
        Assert.Equal(ReasonCode.QuotaExceeded, await Refuse("one-more", Listener.Mqtts));
        Assert.Equal([$"{Id}.Get"], _grains.Calls.Skip(calls));
        // It goes on with its own.
        await LetIn("c-0");
        _certificate = device;
        await LetIn("amr-1");

        _certificate = Certificate(CertificateKind.Claim, thing: null);
        _lifecycle.Ended(identities[1], EndCause.ConnectionLost, wasAttached: true);
        await LetIn("one-more");
    }

    [Fact]
    public async Task A_claim_that_was_not_let_in_after_all_has_no_session_less()
    {
        _certificate = Certificate(CertificateKind.Claim, thing: null);
        _grains.On<ISessionGrain>("Open", (_, _) => throw new TimeoutException());
        for (int i = 0; i <= _parts.Claims.Max; i++) Assert.Equal(ReasonCode.ServerUnavailable, await Refuse($"c-{i}", Listener.Mqtts));
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_claim_leaves_no_message_behind(bool retain)
    {
        _certificate = Certificate(CertificateKind.Claim, thing: null);
        var identity = await LetIn("c");
        Assert.False(identity.Policy.AllowsPublish("$aws/certificates/create/json"u8, retain: true));
        Assert.Equal(retain, !identity.Policy.AllowsPublish("$aws/certificates/create/json"u8, retain));
        foreach (string will in (string[])["fleet/amr-1/status", "$aws/certificates/create/json", "$aws/events/presence/connected/amr-1"])
            Assert.Equal(ReasonCode.NotAuthorized, await Refuse("w", Listener.Mqtts, will));
    }

    [Theory]
    [InlineData("wrong password", "unknown/10.0.0.1/amr-1"), InlineData("claim", "certificate/{id}/amr-1")]
    [InlineData("another device", "certificate/{id}/amr-1"), InlineData("revoked", "certificate/{id}/amr-1"), InlineData("its own will", "amr-1")]
    public async Task A_refusal_speaks_under_a_thing_s_name_only_for_its_good_certificate(string who, string name)
    {
        _certificate = who switch
        {
            "claim" => Certificate(CertificateKind.Claim, thing: null),
            "another device" => Certificate(CertificateKind.Device, "amr-2"),
            "revoked" => _certificate! with { Status = CertificateStatus.Revoked },
            _ => _certificate,
        };
        var watcher = TestClient.Connected(_parts, GatewayParts.Identity(SessionKind.Operator, "watcher", BuiltInPolicies.Operator));
        watcher.Subscribed("$aws/events/#");
        if (who == "wrong password") await Decide("amr-1", Listener.WebSocket, user: "ann", password: "wrong");
        else await Refuse("amr-1", Listener.Mqtts, will: "fleet/amr-9/status");
        string message = Assert.Single(watcher.ReadMessages());
        Assert.StartsWith(
            $"$aws/events/presence/connect_failed/{name.Replace("{id}", Id, StringComparison.Ordinal)}=", message, StringComparison.Ordinal);
        Assert.DoesNotContain("amr-1.Connected", _grains.Calls);
    }

    [Theory]
    [InlineData("another client id")]
    [InlineData("not active")]
    [InlineData("revoked")]
    [InlineData("expired")]
    [InlineData("not issued here")]
    [InlineData("of no thing")]
    [InlineData("a will elsewhere")]
    [InlineData("a will on a reserved topic")]
    public async Task Whoever_is_not_authorised_evicts_nobody(string who)
    {
        _certificate = who switch
        {
            "not active" => _certificate! with { Status = CertificateStatus.PendingActivation },
            "revoked" => _certificate! with { Status = CertificateStatus.Revoked },
            "expired" => _certificate! with { NotAfter = _parts.Clock.UtcNow },
            "of no thing" => _certificate! with { Thing = null },
            "not issued here" => null,
            _ => _certificate,
        };
        string? will = who switch
        {
            "a will elsewhere" => "fleet/amr-2/status",
            "a will on a reserved topic" => "$aws/things/amr-1/x",
            _ => null,
        };
        Assert.Equal(ReasonCode.NotAuthorized, await Refuse(who == "another client id" ? "amr-2" : "amr-1", Listener.Mqtts, will));
        Assert.Equal([$"{Id}.Get"], _grains.Calls);
    }

    [Fact]
    public async Task The_plain_port_asks_nobody_and_assigns_an_id_to_who_has_none()
    {
        var accepted = Assert.IsType<ConnectDecision.Accepted>(await Decide("", Listener.Plain));
        Assert.StartsWith("plain/auto-", accepted.Identity.Key, StringComparison.Ordinal);
    }

    [Theory, InlineData("ann", "secret", true), InlineData("ann", "wrong", false), InlineData(null, null, false)]
    public async Task A_WebSocket_client_needs_a_password(string? user, string? password, bool good)
    {
        var decision = await Decide("c", Listener.WebSocket, user: user, password: password);
        if (good) Assert.Equal("operator/ann/c", Assert.IsType<ConnectDecision.Accepted>(decision).Identity.Key);
        else Assert.Equal(ReasonCode.BadUserNameOrPassword, Assert.IsType<ConnectDecision.Refused>(decision).Code);
    }

    [Fact]
    public async Task A_client_that_flaps_is_held_off_before_it_costs_anything()
    {
        for (int i = 0; i < _parts.Settings.Admission.FlappingLimit; i++) _parts.Flapping.Ended("amr-1", livedMs: 5, _parts.Clock.NowMs);
        Assert.Equal(ReasonCode.ConnectionRateExceeded, await Refuse("amr-1", Listener.Mqtts));
        Assert.Equal([$"{Id}.Get"], _grains.Calls);
        _parts.Time.Advance(TimeSpan.FromSeconds(30));
        await LetIn("amr-1");
    }

    [Fact]
    public async Task A_service_that_cannot_answer_says_so()
    {
        _grains.On<ICertificateGrain>("Get", (_, _) => throw new TimeoutException());
        Assert.Equal(ReasonCode.ServerUnavailable, await Refuse("amr-1", Listener.Mqtts));
    }

    [Fact]
    public async Task Who_has_waited_in_vain_for_the_gateway_of_its_session_is_told_to_try_again()
    {
        _grains.On<ISessionGrain>("Open", (_, _) => Task.FromResult(new SessionLease(new(7), Lost: "gw-lost")));
        int timers = _parts.Time.Timers;
        var decision = Decide("amr-1", Listener.Mqtts);
        while (!decision.IsCompleted)
        {
            // The decision's own patience is a timer too.
            if (_parts.Time.Timers == timers + 2) _parts.Time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Yield();
        }
        Assert.Equal(ReasonCode.ServerUnavailable, Assert.IsType<ConnectDecision.Refused>(await decision).Code);
        Assert.Equal(12_000, _parts.Clock.NowMs);
    }

    [Fact]
    public async Task What_was_decided_too_late_is_given_back()
    {
        var connected = new TaskCompletionSource();
        var told = new TaskCompletionSource();
        _grains.On<IDeviceGrain>("Connected", (_, _) => connected.Task)
            .On<IDeviceGrain>("Disconnected", (_, _) =>
            {
                told.SetResult();
                return Task.CompletedTask;
            });
        var decision = Decide("amr-1", Listener.Mqtts);
        while (!_grains.Calls.Contains("amr-1.Connected")) await Task.Yield();
        _parts.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.IsType<ConnectDecision.Refused>(await decision);
        connected.SetResult();
        await told.Task;
        Assert.Equal(["amr-1"], _parts.Leases.Keys);
    }

    [Fact]
    public async Task What_was_decided_between_the_time_out_and_a_look_at_it_is_given_back()
    {
        _certificate = Certificate(CertificateKind.Claim, thing: null);
        var opened = new TaskCompletionSource<SessionLease>();
        _grains.On<ISessionGrain>("Open", (_, _) => opened.Task);
        var lastFirst = new LastFirst();
        var decision = lastFirst.Run(() => Decide("c", Listener.Mqtts));
        _parts.Time.Advance(TimeSpan.FromSeconds(20));
        opened.SetResult(new SessionLease(new(7)));
        lastFirst.Pump();
        Assert.IsType<ConnectDecision.Refused>(await decision);
        Assert.Equal([$"claim/{Id}/c"], _parts.Leases.Keys);
        Assert.True(CertificateId.TryParse(Id, out var claim));
        for (int i = 0; i < _parts.Claims.Max; i++) Assert.True(_parts.Claims.TryEnter(claim, $"c-{i}"));
    }

    private async Task<SessionIdentity> LetIn(string clientId) =>
        Assert.IsType<ConnectDecision.Accepted>(await Decide(clientId, Listener.Mqtts)).Identity;

    private async Task<ReasonCode> Refuse(string clientId, Listener listener, string? will = null) =>
        Assert.IsType<ConnectDecision.Refused>(await Decide(clientId, listener, will)).Code;

    private Task<ConnectDecision> Decide(
        string clientId, Listener listener, string? will = null, string? user = null, string? password = null)
    {
        Assert.True(CertificateId.TryParse(Id, out var id));
        return _authoriser.Decide(new ConnectRequest
        {
            Version = MqttVersion.V5,
            ClientId = clientId,
            UserName = user,
            Password = password is null ? null : System.Text.Encoding.UTF8.GetBytes(password),
            CleanStart = true,
            KeepAliveSeconds = 60,
            SessionExpirySeconds = 0,
            ReceiveMaximum = 100,
            Will = will is null
                ? null : new Will(new Publication(System.Text.Encoding.UTF8.GetBytes(will), default, Qos.AtMostOnce), 0, null),
        }, new ConnectionSource(listener, listener == Listener.Mqtts ? id : null, "10.0.0.1"), Guid.NewGuid().ToString("n"), () => false);
    }

    private CertificateView Certificate(CertificateKind kind, string? thing)
    {
        Assert.True(CertificateId.TryParse(Id, out var id));
        return new CertificateView
        {
            Id = id,
            Kind = kind,
            Status = CertificateStatus.Active,
            SerialNumber = "01",
            NotBefore = _parts.Clock.UtcNow.AddDays(-1),
            NotAfter = _parts.Clock.UtcNow.AddDays(1),
            Thing = ThingName.TryParse(thing, out var name) ? name : null,
            Template = kind == CertificateKind.Claim ? "fleet" : null,
            Label = null,
            Der = [],
            CreatedAt = _parts.Clock.UtcNow,
        };
    }

    /// <summary>Runs what goes on last first.</summary>
    private sealed class LastFirst : SynchronizationContext
    {
        private readonly Stack<Action> _posted = new();

        public override void Post(SendOrPostCallback d, object? state) => _posted.Push(() => d(state));

        public T Run<T>(Func<T> work)
        {
            var before = Current;
            SetSynchronizationContext(this);
            try
            {
                return work();
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }

        public void Pump() => Run(() =>
        {
            while (_posted.TryPop(out var next)) next();
            return 0;
        });
    }

    private sealed class OnePassword : IPasswordAuthenticator
    {
        public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) =>
            new(userName == "ann" && password.Span.SequenceEqual("secret"u8) ? userName : null);
    }
}
