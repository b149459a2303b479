using Fleet.Gateway.Auth;
using Fleet.Gateway.Connect;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway.Connect;

public sealed class SessionAcquirerTests
{
    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();

    [Fact]
    public async Task A_session_that_was_not_found_is_looked_for_with_the_next_CONNECT_although_the_client_id_is_here_by_then()
    {
        _grains.On<IGatewayGrain>("TakeOver", (_, _) => throw new TimeoutException())
            .On<IGatewayGrain>("IsLive", (_, _) => Task.FromResult(true));
        var acquirer = new SessionAcquirer(
            _grains, _parts.Gateway, _parts.SessionHandoff, _parts.Takeover(_grains), _parts.Fences, _parts.Broker,
            Options.Create(new AdmissionOptions()), _parts.Clock, NullLogger<SessionAcquirer>.Instance);
        PutSession();
        Assert.False(await acquirer.TakeOver(Identity(7), new SessionLease(new(7)), cleanStart: false));
        Assert.False(await acquirer.TakeOver(Identity(8), new SessionLease(new(8), Stayed: true), cleanStart: false));
        // It is gone for good.
        _grains.On<IGatewayGrain>("TakeOver", (_, _) => Task.FromResult<TakeOverResult>(new TakeOverResult.Nothing()));
        Assert.True(await acquirer.TakeOver(Identity(9), new SessionLease(new(9), Stayed: true), cleanStart: false));
        _grains.Calls.Clear();
        Assert.True(await acquirer.TakeOver(Identity(10), new SessionLease(new(10), Stayed: true), cleanStart: false));
        Assert.Empty(_grains.Calls);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_client_that_came_to_nothing_here_is_forgotten_when_it_is_elsewhere_or_its_session_is_over(bool isElsewhere)
    {
        _grains.On<IGatewayGrain>("TakeOver", (_, _) => throw new TimeoutException())
            .On<IGatewayGrain>("IsLive", (_, _) => Task.FromResult(true));
        var acquirer = _parts.Acquirer(_grains);
        PutSession();
        Assert.False(await acquirer.TakeOver(Identity(7), new SessionLease(new(7)), cleanStart: false));
        if (isElsewhere) _parts.Fences.Raise(Identity(8).Key, new(8));
        else _parts.Time.Advance(TimeSpan.FromDays(8));
        acquirer.Sweep(_parts.Clock.NowMs);
        _grains.Calls.Clear();
        Assert.True(await acquirer.TakeOver(Identity(9), new SessionLease(new(9), Stayed: true), cleanStart: false));
        Assert.Empty(_grains.Calls);
    }

    private void PutSession() =>
        _parts.Sessions.Put("elsewhere", new SessionRow
        {
            Id = 1, Key = "plain/p", Epoch = new(5), Kind = "plain", ClientId = "p", ConnectionId = "c", RemoteAddress = "", ExpirySeconds = 60,
            MaybeSent = 0,
        });

    private static SessionIdentity Identity(long epoch)
    {
        var plain = GatewayParts.Plain();
        return new SessionIdentity
        {
            Kind = plain.Kind, ClientId = plain.ClientId, ConnectionId = plain.ConnectionId, Policy = plain.Policy,
            RemoteAddress = plain.RemoteAddress, Epoch = new(epoch),
        };
    }
}
