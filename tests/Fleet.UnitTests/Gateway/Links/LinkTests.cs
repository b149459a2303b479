using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;

namespace Fleet.UnitTests.Gateway.Links;

/// <summary>Both ends of a link, without what is between them.</summary>
public sealed class LinkTests
{
    private readonly LinkSender _sender = new("here", "there", maxBytes: 4_096);
    private readonly LinkReceiver _receiver = new("there");

    [Fact]
    public void One_batch_is_under_way_and_is_repeated_as_it_is()
    {
        Post("1");
        var first = _sender.NextBatch();
        Post("2");
        Assert.Null(_sender.NextBatch());
        Assert.Same(first, _sender.UnderWay);
        Assert.Equal(["1"], Texts(_sender.Received(first!)));
        Assert.Equal((2L, "2"), (_sender.NextBatch()!.FirstNumber, TextOf(_sender.UnderWay!.Frames.Single())));
    }

    [Fact]
    public void An_answer_that_comes_twice_acknowledges_once()
    {
        Post("1");
        var first = _sender.NextBatch()!;
        Assert.Single(_sender.Received(first));
        Post("2");
        _sender.NextBatch();
        Assert.Empty(_sender.Received(first));
        Assert.NotNull(_sender.UnderWay);
    }

    [Fact]
    public void A_batch_that_comes_twice_or_late_is_received_once()
    {
        var first = Batch(1, "1", "2");
        Assert.Equal(["1", "2"], Receive(first));
        Assert.Empty(Receive(first));
        Assert.Equal(["3"], Receive(Batch(2, "2", "3")));
        Assert.Empty(Receive(first));
        Assert.Equal(PeerAnswer.OutOfOrder, _receiver.Judge(Batch(5, "5"), out _));
    }

    [Fact]
    public void A_batch_for_another_gateway_or_another_life_of_this_one_is_refused()
    {
        Assert.Equal(PeerAnswer.WrongReceiver, _receiver.Judge(Batch(1, "1") with { To = "there before" }, out _));
        Assert.Equal(["1"], Receive(Batch(1, "1")));
    }

    [Fact]
    public void What_waits_is_bounded_and_one_frame_always_fits()
    {
        Assert.Equal(PostOutcome.Queued, Post("large", bytes: 10_000));
        Assert.Equal(PostOutcome.Full, Post("small"));
        Assert.Equal(PostOutcome.Queued, Post("must not be missed", bound: LinkBound.None));
        _sender.Received(_sender.NextBatch()!);
        Assert.Equal((0, PostOutcome.Queued), (_sender.Bytes, Post("small")));
    }

    [Fact]
    public void A_full_link_has_as_much_again_for_what_nobody_would_send_again()
    {
        Assert.Equal(PostOutcome.Queued, Post("full", bytes: 4_096));
        Assert.Equal(PostOutcome.Full, Post("ordinary"));
        Assert.Equal(PostOutcome.Queued, Post("will", bytes: 4_096, bound: LinkBound.Reserve));
        Assert.Equal(PostOutcome.Full, Post("one too many", bound: LinkBound.Reserve));
        Assert.Equal(["full", "will"], _sender.NextBatch()!.Frames.Select(TextOf));
    }

    [Fact]
    public void Messages_of_a_dead_gateway_go_to_its_successor_in_order_but_for_what_was_stored()
    {
        Post("stored");
        Post("under way");
        var lost = _sender.NextBatch()!;
        Post("waits");
        Assert.Empty(_sender.Die());
        Post("comes later");
        Assert.Empty(_sender.Received(lost));
        var (done, left) = _sender.Redirect(storedUpTo: 1);
        Assert.Equal(["stored"], Texts(done));
        Assert.Equal(["under way", "waits", "comes later"], Texts(left));
        Assert.Equal((PostOutcome.ForSuccessor, 0), (Post("after that"), _sender.Bytes));
        Assert.Empty(_sender.Abandon());
    }

    [Fact]
    public void Without_a_successor_everything_is_lost()
    {
        Post("1");
        _sender.Die();
        Assert.Equal(["1"], Texts(_sender.Abandon()));
        Assert.Equal(PostOutcome.Lost, Post("2"));
    }

    [Fact]
    public void What_is_no_message_is_done_with_when_the_other_gateway_is_dead()
    {
        _sender.Post(new LinkItem(new LinkFrame.Ready(), 1, new TaskCompletionSource(), IsMessage: false, []), LinkBound.None);
        Assert.Single(_sender.Die());
        Assert.Equal(PostOutcome.NotNeeded, _sender.Post(new LinkItem(new LinkFrame.Ready(), 1, null, IsMessage: false, []), LinkBound.None));
    }

    [Fact]
    public void Pauses_grow_to_a_second_until_something_gets_through()
    {
        Post("1");
        var batch = _sender.NextBatch()!;
        Assert.Equal([50, 100, 200, 400, 800, 1_000, 1_000], Enumerable.Range(0, 7).Select(_ => (int)_sender.Failed().TotalMilliseconds));
        _sender.Received(batch);
        Assert.Equal(50, _sender.Failed().TotalMilliseconds);
    }

    private PostOutcome Post(string text, int bytes = 128, LinkBound bound = LinkBound.Ordinary) =>
        _sender.Post(new LinkItem(new LinkFrame.Withdrawn(text), bytes, new TaskCompletionSource(), IsMessage: true, []), bound);

    private static PeerBatch Batch(long first, params string[] texts) =>
        new("here", first, [.. texts.Select(text => new LinkFrame.Withdrawn(text))], "there");

    private List<string> Receive(PeerBatch batch)
    {
        Assert.Equal(PeerAnswer.Received, _receiver.Judge(batch, out int first));
        List<string> received = [];
        for (int i = first; i < batch.Frames.Length; i++)
        {
            received.Add(TextOf(batch.Frames[i]));
            _receiver.Handled(batch.FirstNumber + i);
        }
        return received;
    }

    private static IEnumerable<string> Texts(IEnumerable<LinkItem> items) => items.Select(item => TextOf(item.Frame));

    private static string TextOf(LinkFrame frame) => ((LinkFrame.Withdrawn)frame).Filter;
}
