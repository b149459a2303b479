using Fleet.Gateway.Connect;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;

namespace Fleet.UnitTests.Gateway;

/// <summary>CONNECTs that wait for the session's gateway: how long, how many, and whom that keeps out.</summary>
public sealed class SessionAcquirerTests
{
    private readonly GatewayParts _parts = new(settings => settings.Admission.MaxAwaitingConnect = 10);
    private readonly StubGrains _grains = new();
    private readonly HashSet<string> _lost = ["a", "b", "c", "d", "e"];
    private readonly SessionAcquirer _acquirer;
    private readonly int _timersBefore;

    public SessionAcquirerTests()
    {
        _grains.On<ISessionGrain>("Open", (key, _) => Task.FromResult(new SessionLease(new(7), Lost: _lost.Contains(key) ? "gw-lost" : null)));
        _acquirer = _parts.Acquirer(_grains);
        _timersBefore = _parts.Time.Timers;
    }

    [Fact]
    public async Task A_client_whose_session_is_at_a_gateway_that_does_not_answer_waits_for_twelve_seconds()
    {
        var wait = new ConnectWait(() => false);
        var opening = Open("a", wait);
        for (int i = 0; i < 24; i++)
        {
            await Waiting(1);
            Assert.False(opening.IsCompleted);
            Pass();
        }
        Assert.Null(await opening);
        _parts.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TimeSpan.FromSeconds(12), wait.Lasted(_parts.Clock.NowMs));
    }

    [Fact]
    public async Task It_comes_in_when_its_session_is_found()
    {
        var opening = Open("a");
        await Waiting(1);
        Pass();
        await Waiting(1);
        _lost.Remove("a");
        Pass();
        Assert.Equal(new SessionEpoch(7), (await opening)!.Epoch);
    }

    [Fact]
    public async Task Two_fifths_of_those_between_handshake_and_CONNACK_may_wait_and_all_others_come_in_meanwhile()
    {
        bool hasHungUp = false;
        Task<SessionLease?>[] waiting = [Open("a", new ConnectWait(() => hasHungUp)), Open("b"), Open("c"), Open("d")];
        await Waiting(4);
        Assert.Null(await Open("e"));
        Assert.NotNull(await Open("another"));
        Assert.All(waiting, opening => Assert.False(opening.IsCompleted));
        // One that hangs up makes room.
        hasHungUp = true;
        Pass();
        Assert.Null(await waiting[0]);
        var next = Open("e");
        await Waiting(4);
        Assert.False(next.IsCompleted);
    }

    private Task<SessionLease?> Open(string key, ConnectWait? wait = null) =>
        _acquirer.Open(key, new SessionClaim(_parts.Gateway.Id, $"session-{key}", CleanStart: false, Will: null), wait ?? new(() => false));

    private Task Waiting(int clients) => Eventually.True(() => _parts.Time.Timers >= _timersBefore + clients);

    private void Pass() => _parts.Time.Advance(TimeSpan.FromMilliseconds(500));
}
