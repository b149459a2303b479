using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway.Links;

/// <summary>A gateway that ends in good order: what it has for others reaches them first.</summary>
public sealed class LinkBarrierTests
{
    private readonly GatewayParts _parts = new();

    [Fact]
    public async Task It_waits_for_a_call_that_nobody_answers_to_be_made_again()
    {
        var lost = new TaskCompletionSource<PeerAnswer>();
        int calls = 0;
        Meet("there", _ => ++calls == 1 ? lost.Task : Task.FromResult(PeerAnswer.Received));
        var flushed = _parts.Barrier.Flush();
        await Eventually.True(() => calls == 1);
        _parts.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(flushed.IsCompleted);
        int timers = _parts.Time.Timers;
        lost.SetException(new TimeoutException());
        // It pauses before it calls again.
        await Eventually.True(() => _parts.Time.Timers > timers);
        _parts.Time.Advance(TimeSpan.FromMilliseconds(100));
        await flushed;
        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task It_does_not_wait_for_one_that_never_answers()
    {
        Meet("there", _ => new TaskCompletionSource<PeerAnswer>().Task);
        var flushed = _parts.Barrier.Flush();
        _parts.Time.Advance(TimeSpan.FromSeconds(6));
        await flushed;
    }

    [Fact]
    public async Task It_waits_for_the_successor_of_a_dead_gateway_that_it_has_messages_for()
    {
        var dead = Meet("dead", _ => new TaskCompletionSource<PeerAnswer>().Task);
        var message = new PeerMessage("t"u8.ToArray(), default, 1, false, default, null, 1);
        _ = dead.Link.Post(new LinkFrame.Published(message, ToAll: true, []));
        _parts.Peers.Die(dead);
        var flushed = _parts.Barrier.Flush();
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(flushed.IsCompleted);
        dead.Link.RedirectTo(new Successor(), storedUpTo: 0);
        while (!flushed.IsCompleted)
        {
            _parts.Time.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }
        Assert.True(_parts.Time.GetUtcNow() - Start < TimeSpan.FromSeconds(6));
    }

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private RemoteGateway Meet(string id, Func<PeerBatch, Task<PeerAnswer>> send)
    {
        var link = new PeerLink("here", id, send, 1 << 20, () => { }, _parts.Time, NullLogger.Instance);
        var peer = new RemoteGateway(new GatewayMember(id, 1, null), link);
        _parts.Peers.Add(peer);
        return peer;
    }

    private sealed class Successor : ISuccessor
    {
        public bool HasRoom(int bytes, LinkBound bound) => true;

        public Task Accept(LinkFrame.Redirected frame, int bytes) => Task.CompletedTask;
    }
}
