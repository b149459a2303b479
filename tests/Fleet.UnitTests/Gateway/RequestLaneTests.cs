using Fleet.Gateway.Channels;
using Fleet.Gateway.Topics;
using Fleet.Gateway.Transport;

namespace Fleet.UnitTests.Gateway;

public sealed class RequestLaneTests
{
    [Fact]
    public async Task Requests_are_handled_one_by_one_in_order_and_too_many_are_refused()
    {
        var gate = new TaskCompletionSource();
        var handled = new List<string>();
        int running = 0;
        var lane = new RequestLane(
            async request =>
            {
                Assert.Equal(1, Interlocked.Increment(ref running));
                await gate.Task;
                Interlocked.Decrement(ref running);
                handled.Add(request.Topic.Name);
                return request.Topic.Name != "b";
            },
            (_, good) => handled.Add(good ? "good" : "bad"), maxWaiting: 2);
        Assert.True(lane.TryAdd(Request("a")) && lane.TryAdd(Request("b")) && lane.TryAdd(Request("c")));
        Assert.False(lane.TryAdd(Request("d")));
        Assert.False(lane.Idle().IsCompleted);
        gate.SetResult();
        await lane.Idle();
        Assert.Equal(["a", "good", "b", "bad", "c", "good"], handled);
    }

    [Fact]
    public void What_is_answered_at_once_is_finished_on_return()
    {
        bool done = false;
        var lane = new RequestLane(_ => new ValueTask<bool>(true), (_, _) => done = true, maxWaiting: 1);
        Assert.True(lane.TryAdd(Request("a")));
        Assert.True(done);
        Assert.True(lane.Idle().IsCompleted);
    }

    private static ChannelEffect.Handle Request(string job) =>
        new(new ReservedRequest(new ReservedTopic(TopicFamily.Jobs, "", "", job, "get", PayloadFormat.Json), default), null);
}
