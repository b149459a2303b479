using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Transport;

namespace Fleet.UnitTests.Gateway;

public sealed class RequestQueueTests
{
    [Fact]
    public async Task Requests_are_handled_one_by_one_in_order_and_too_many_are_refused()
    {
        var gate = new TaskCompletionSource();
        var handled = new List<string>();
        int running = 0;
        var queue = new RequestQueue(
            async request =>
            {
                Assert.Equal(1, Interlocked.Increment(ref running));
                await gate.Task;
                Interlocked.Decrement(ref running);
                handled.Add(request.Topic.Name);
                return request.Topic.Name != "b";
            },
            (_, good) => handled.Add(good ? "good" : "bad"), maxWaiting: 2);
        Assert.True(queue.TryAdd(Request("a")) && queue.TryAdd(Request("b")) && queue.TryAdd(Request("c")));
        Assert.False(queue.TryAdd(Request("d")));
        Assert.False(queue.Idle().IsCompleted);
        gate.SetResult();
        await queue.Idle();
        Assert.Equal(["a", "good", "b", "bad", "c", "good"], handled);
    }

    [Fact]
    public void What_is_answered_at_once_is_finished_on_return()
    {
        bool done = false;
        var queue = new RequestQueue(_ => new ValueTask<bool>(true), (_, _) => done = true, maxWaiting: 1);
        Assert.True(queue.TryAdd(Request("a")));
        Assert.True(done);
        Assert.True(queue.Idle().IsCompleted);
    }

    private static ChannelEffect.Handle Request(string job) =>
        new(new ReservedRequest(new ReservedTopic(TopicFamily.Jobs, "", "", job, "get", PayloadFormat.Json), default), null);
}
