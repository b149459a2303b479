using Fleet.Interfaces.Messaging;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>A gateway that begins serves when it knows what others want.</summary>
public sealed class MeetingTests
{
    [Fact]
    public async Task It_waits_for_the_sessions_of_a_dead_gateway_however_many_successors_die_before_they_are_at_one()
    {
        var parts = new GatewayParts();
        var before = new GatewayView(1, [new GatewayMember(parts.Gateway.Id, 1, null)], ["dead"]);
        var view = before;
        parts.Grains.On<IGatewayGrain>("Join", (_, _) => Task.FromResult(view))
            .On<IGatewayGrain>("Beat", (_, _) => Task.FromResult<GatewayView?>(view));
        var joining = parts.Member.Join(
            new TestGateway(parts.Grains.GetGrain<IGatewayGrain>(parts.Gateway.Id), parts.Grains), default);
        for (int second = 0; second < 60; second++)
        {
            parts.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.False(joining.IsCompleted);
        view = before with { Version = 2, Dead = [] };
        while (!joining.IsCompleted)
        {
            parts.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        await joining;
    }
}
