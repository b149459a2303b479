using System.Text;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Gateway;

/// <summary>One live owner per client id.</summary>
public sealed class SessionGrainTests : IAsyncLifetime
{
    private static readonly SessionWill Will = new("fleet/amr-1/status", Encoding.UTF8.GetBytes("gone"), 1, true, default, 0, null);

    private GrainsUnderTest _grains = null!;
    private SessionEpoch? _lastEpoch;
    private TestGateway _first = null!, _second = null!;

    public async ValueTask InitializeAsync()
    {
        _grains = await GrainsUnderTest.Begin();
        _first = await _grains.Join("gw-1");
        _second = await _grains.Join("gw-2");
        await _first.Heard(1);
    }

    public async ValueTask DisposeAsync() => await _grains.DisposeAsync();

    [Fact]
    public async Task Epochs_grow_with_each_owner_and_the_older_one_is_stopped_before_the_newer_begins()
    {
        var first = await Open("gw-1", "s-1");
        Assert.Same(first, await Open("gw-1", "s-1"));
        var handsOver = new TaskCompletionSource();
        _first.HandsOver = handsOver.Task;
        var opening = Open("gw-2", "s-2");
        await _first.Heard(2);
        Assert.False(opening.IsCompleted);
        handsOver.SetResult();
        Assert.True((await opening).Epoch > first.Epoch);
        Assert.Equal("amr-1 taken over", _first.Words[^1]);
    }

    [Fact]
    public async Task A_takeover_within_one_gateway_is_that_gateway_s_own_affair()
    {
        await Open("gw-1", "s-1");
        Assert.True((await Open("gw-1", "s-2")).Stayed);
        // Nothing came: a later word to the same observer did, and calls through it arrive one at a time.
        Assert.True(CertificateId.TryParse(new string('a', 64), out var certificate));
        await _first.Grain.EndSessionsOf(certificate);
        await _first.Heard(2);
        Assert.Equal($"revoked {certificate}", _first.Words[^1]);
    }

    [Fact]
    public async Task What_the_old_gateway_hands_over_the_new_one_gets()
    {
        await Open("gw-1", "s-1");
        _first.Session = new MovedSession("gw-1", [new MovedSubscription("a/#", 1, false, false)], 3600, new(2), new(1));
        var lease = await Open("gw-2", "s-2");
        Assert.Equal("a/#", Assert.Single(lease.Moved!.Subscriptions).Filter);
        Assert.False(lease.Stayed);
    }

    [Fact]
    public async Task Epochs_grow_through_a_crash_without_a_write_for_each()
    {
        var last = (await Open("gw-1", "s-0")).Epoch;
        int writes = _grains.Storage.Writes;
        for (int i = 1; i < 900; i++) last = (await Open("gw-1", $"s-{i}")).Epoch;
        Assert.Equal(writes, _grains.Storage.Writes);
        await _grains.StartAgain();
        Assert.True((await Open("gw-1", "s-x")).Epoch > last);
    }

    [Fact]
    public async Task The_owner_is_known_after_a_crash_of_the_silo()
    {
        await Open("gw-1", "s-1");
        await _grains.StartAgain();
        var first = await _grains.Join("gw-1");
        var lease = await Open("gw-2", "s-2");
        await first.Heard(1);
        Assert.Equal("amr-1 taken over", first.Words[^1]);
        Assert.False(lease.Stayed);
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_holds_the_newcomer_up_for_seconds_only()
    {
        await Open("gw-1", "s-1", Will);
        _first.HandsOver = new TaskCompletionSource().Task;
        int writes = _grains.Storage.Writes;
        var opening = Open("gw-2", "s-2");
        await _first.Heard(2);
        _grains.Time.Advance(TimeSpan.FromSeconds(6));
        var lease = await opening;
        Assert.Equal(("gw-1", null, null), (lease.Lost, lease.Moved, lease.UnsentWill));
        // It may be the other's still: the client id passes only when what is there is found.
        Assert.Equal(writes, _grains.Storage.Writes);
        Assert.Equal(Will, (await Open("gw-2", "s-2", found: "gw-1")).UnsentWill);
        Assert.True((await Open("gw-2", "s-3")).Stayed);
    }

    [Fact]
    public async Task A_dead_gateway_holds_nobody_up()
    {
        await Open("gw-1", "s-1", Will);
        await _grains.Pass(TimeSpan.FromSeconds(12), _second);
        // The clock stands still: nothing that waits on it could end.
        var lease = await Open("gw-2", "s-2").WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(("gw-1", null), (lease.Lost, lease.UnsentWill));
        Assert.Equal(Will, (await Open("gw-2", "s-2", found: "gw-1")).UnsentWill);
    }

    [Fact]
    public async Task A_will_is_forgotten_when_the_client_says_goodbye()
    {
        await Open("gw-1", "s-1", Will);
        await _grains.Session("amr-1").ForgetWill("gw-1", "s-0");
        await _grains.Session("amr-1").ForgetWill("gw-1", "s-1");
        await _grains.Pass(TimeSpan.FromSeconds(12), _second);
        Assert.Null((await Open("gw-2", "s-2", found: "gw-1")).UnsentWill);
    }

    [Fact]
    public async Task A_client_that_is_no_device_leaves_no_record_behind()
    {
        var session = _grains.Session("plain/p");
        var first = (await session.Open(new SessionClaim("gw-1", "s-1", true, null))).Epoch;
        await session.Close("gw-1", "s-0");
        await session.Close("gw-1", "s-1");
        _grains.Time.Advance(TimeSpan.FromSeconds(2));
        var lease = await session.Open(new SessionClaim("gw-2", "s-2", true, null));
        Assert.True(lease.Epoch > first);
        Assert.False(lease.Stayed);
        Assert.DoesNotContain(_first.Words, word => word.StartsWith("plain/p", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_devices_of_a_dead_gateway_become_disconnected_and_another_gateway_says_so()
    {
        await Connect("amr-1", "gw-1", "s-1", Will);
        await Connect("amr-2", "gw-1", "s-2", null);
        await Connect("amr-3", "gw-2", "s-3", Will);
        // This one has come back elsewhere before anybody noticed.
        await Connect("amr-4", "gw-1", "s-4", Will);
        await Connect("amr-4", "gw-2", "s-5", Will);
        await _grains.Pass(TimeSpan.FromSeconds(11), _second);
        await _second.Said("lost 2");

        Assert.Equal(["amr-1 s-1 gone", "amr-2 s-2 "], _second.PublishedLost.Select(
            lost => $"{lost.ClientId} {lost.ConnectionId} {Encoding.UTF8.GetString((lost.Will?.Payload ?? default).Span)}"));
        foreach (var (thing, expected) in new[] { ("amr-1", Connectivity.Disconnected), ("amr-2", Connectivity.Disconnected), ("amr-3", Connectivity.Connected), ("amr-4", Connectivity.Connected) })
        {
            var view = (await _grains.Factory.GetGrain<IDeviceGrain>(thing).Get())!;
            Assert.Equal((thing, expected), (thing, view.Connectivity));
            if (expected == Connectivity.Disconnected) Assert.Equal(DisconnectReason.GatewayLost, view.DisconnectReason);
        }
    }

    [Fact]
    public async Task A_device_s_newest_session_is_that_of_the_highest_epoch_whatever_the_clocks_say()
    {
        await Connect("amr-1", "gw-1", "s-1", null);
        var device = _grains.Factory.GetGrain<IDeviceGrain>("amr-1");
        var late = new DeviceSession("s-0", "gw-2", "::1", _grains.Time.GetUtcNow().AddHours(1), Epoch: new(5));
        await device.Connected(late);
        await device.Disconnected("s-0", DisconnectReason.ConnectionLost, _grains.Time.GetUtcNow().AddHours(1));
        Assert.Equal(Connectivity.Connected, (await device.Get())!.Connectivity);
        await device.Disconnected("s-1", DisconnectReason.ConnectionLost, _grains.Time.GetUtcNow());
        await device.Connected(late);
        Assert.Equal(Connectivity.Disconnected, (await device.Get())!.Connectivity);
    }

    private async Task Connect(string thing, string gateway, string sessionId, SessionWill? will)
    {
        var device = _grains.Factory.GetGrain<IDeviceGrain>(thing);
        Assert.True(ModelName.TryParse("amr", out var model));
        await device.Register(new DeviceRegistration(model, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
        var lease = await _grains.Session(thing).Open(new SessionClaim(gateway, sessionId, true, will));
        await device.Connected(new DeviceSession(sessionId, gateway, "::1", _grains.Time.GetUtcNow(), lease.Epoch));
    }

    [Fact]
    public async Task What_was_found_of_one_gateway_is_no_word_of_another()
    {
        await Open("gw-1", "s-1");
        Assert.Null((await Open("gw-2", "s-2", found: "gw-0")).Lost);
        Assert.Equal("amr-1 taken over", _first.Words[^1]);
    }

    private async Task<SessionLease> Open(string gateway, string sessionId, SessionWill? will = null, string? found = null)
    {
        var lease = await _grains.Session("amr-1").Open(new SessionClaim(gateway, sessionId, CleanStart: false, will, found, _lastEpoch));
        _lastEpoch = lease.Epoch;
        return lease;
    }
}
