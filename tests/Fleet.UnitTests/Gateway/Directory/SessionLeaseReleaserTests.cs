using Fleet.Gateway.Directory;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway.Directory;

public sealed class SessionLeaseReleaserTests
{
    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();
    private readonly SessionLeaseReleaser _leases;
    private bool _away = true;

    public SessionLeaseReleaserTests()
    {
        _grains.On<ISessionGrain>("Close", (_, _) => _away ? Task.FromException(new TimeoutException()) : Task.CompletedTask);
        _leases = new(_grains, _parts.Fences, _parts.Clock, NullLogger<SessionLeaseReleaser>.Instance);
    }

    [Fact]
    public void A_client_id_is_given_back_when_its_grain_can_be_told()
    {
        _leases.Release(GatewayParts.Plain());
        _parts.Time.Advance(TimeSpan.FromSeconds(10));
        int calls = _grains.Calls.Count;
        Assert.True(calls > 1);
        _away = false;
        _parts.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(calls + 1, _grains.Calls.Count);
        Assert.Equal(0, _parts.Time.Timers);
    }

    [Fact]
    public void Nothing_is_said_of_a_connection_any_more_when_its_client_has_a_newer_one()
    {
        var identity = GatewayParts.Plain();
        _leases.Release(identity);
        _parts.Fences.Raise(identity.Key, identity.Epoch.Next);
        _parts.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Single(_grains.Calls);
    }
}
