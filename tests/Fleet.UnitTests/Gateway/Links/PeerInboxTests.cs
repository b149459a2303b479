using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;
using Fleet.UnitTests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Gateway.Links;

/// <summary>What another gateway sends is answered when all of it is taken.</summary>
public sealed class PeerInboxTests : IForwardedFrames
{
    private readonly GatewayParts _parts = new();
    private readonly PeerInbox _inbox;
    private readonly List<long> _taken = [];
    private int _faults;

    public PeerInboxTests()
    {
        var link = new PeerLink(
            "here", "there", _ => Task.FromResult(PeerAnswer.Received), 1_000, () => { }, _parts.Time, NullLogger.Instance);
        _parts.Peers.Add(new RemoteGateway(new GatewayMember("there", 2, null), link));
        _inbox = new PeerInbox(
            _parts.Peers, _parts.Journal, _parts.Barrier, this, null!, null!, _parts.Metrics, NullLogger<PeerInbox>.Instance);
    }

    [Fact]
    public async Task A_batch_with_a_frame_that_cannot_be_taken_is_refused_and_its_repeat_brings_the_rest()
    {
        _faults = 2;
        var batch = new PeerBatch("there", 1, [Message("1"), Message("faulty"), Message("3")], "here");
        await Assert.ThrowsAsync<InvalidOperationException>(() => _inbox.Receive(batch));
        await Assert.ThrowsAsync<InvalidOperationException>(() => _inbox.Receive(batch));
        Assert.Equal([1], _taken);
        Assert.Equal(PeerAnswer.Received, await _inbox.Receive(batch));
        Assert.Equal(PeerAnswer.Received, await _inbox.Receive(batch));
        Assert.Equal([1, 2, 3], _taken);
    }

    [Fact]
    public async Task A_frame_that_is_never_taken_is_lost_at_last_and_counted_and_what_is_behind_it_comes()
    {
        _faults = int.MaxValue;
        using var dropped = _parts.MeterFactory.Count("mqtt.server.message.dropped");
        var batch = new PeerBatch("there", 1, [Message("1"), Message("faulty"), Message("3"), Message("faulty")], "here");
        // Each has tries of its own.
        for (int times = 1; times < 19; times++) await Assert.ThrowsAsync<InvalidOperationException>(() => _inbox.Receive(batch));
        Assert.Equal(["fault 1"], dropped.Counted);
        Assert.Equal(PeerAnswer.Received, await _inbox.Receive(batch));
        Assert.Equal([1, 3], _taken);
        Assert.Equal(["fault 1", "fault 1"], dropped.Counted);
    }

    JournalPosition IForwardedFrames.Receive(LinkFrame.Published frame, LinkMark from)
    {
        if (frame.Message.Topic.Span.SequenceEqual("faulty"u8) && _faults-- > 0) throw new NotSupportedException("A fault of the test.");
        _taken.Add(from.Number);
        return JournalPosition.LongAgo;
    }

    void IForwardedFrames.Receive(LinkFrame.Retained frame) => throw new NotSupportedException();

    void IForwardedFrames.Receive(RemoteGateway sender, LinkFrame.Advertised frame) => throw new NotSupportedException();

    void IForwardedFrames.Receive(RemoteGateway sender, LinkFrame.Withdrawn frame) => throw new NotSupportedException();

    private static LinkFrame.Published Message(string topic) =>
        new(new PeerMessage(System.Text.Encoding.UTF8.GetBytes(topic), default, 1, false, default, null, 0), true, []);
}
