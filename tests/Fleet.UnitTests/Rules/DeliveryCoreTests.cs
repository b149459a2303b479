using Fleet.Grains.Rules;

namespace Fleet.UnitTests.Rules;

public sealed class DeliveryCoreTests
{
    private static readonly AttemptOutcome Delivered = new AttemptOutcome.Delivered();
    private static readonly AttemptOutcome Failed = new AttemptOutcome.Failed("HTTP 503");

    [Fact]
    public void What_is_due_is_sent_up_to_the_concurrency_and_settled_when_it_was_taken()
    {
        var rule = new DeliveryHistory();
        rule.Does(new DeliveryEvent.Woken(), "fetch 8");
        rule.Does(rule.Fetched(1, 2, 3), "send 1", "send 2");
        rule.Does(new DeliveryEvent.Answered(2, Delivered), "send 3", "settle 2 done");
        rule.Does(new DeliveryEvent.Answered(1, Delivered));
        // One write at a time: what was decided meanwhile goes with the next.
        rule.Does(new DeliveryEvent.Answered(3, Delivered));
        rule.Does(new DeliveryEvent.Stored(0), "settle 1 done, 3 done");
        rule.Does(new DeliveryEvent.Stored(0));
        Assert.Equal(0, rule.State.Held);
        Assert.Null(rule.NextTick);
    }

    [Fact]
    public void A_full_page_is_followed_by_the_next_and_a_wake_meanwhile_is_not_lost()
    {
        var rule = new DeliveryHistory();
        rule.Does(new DeliveryEvent.Woken(), "fetch 8");
        rule.Does(rule.Fetched(count: 8, from: 1), "send 1", "send 2");
        for (int i = 1; i <= 4; i++) rule.Answers(i, Delivered);
        rule.Stores();
        // Fewer than the concurrency wait: the store is asked for more, but for those that are held.
        rule.Does(new DeliveryEvent.Answered(5, Delivered), "send 7", "fetch 4 without 5,6,7,8", "settle 5 done");
        rule.Does(new DeliveryEvent.Woken());
        rule.Does(rule.Fetched(count: 0, from: 1), "fetch 4 without 5,6,7,8");
    }

    [Fact]
    public void A_failure_is_tried_again_later_and_later_and_in_the_end_given_up()
    {
        var rule = new DeliveryHistory { Rule = Given.Definition with { MaxAttempts = 3 } };
        rule.Does(new DeliveryEvent.Woken(), "fetch 8");
        rule.Does(rule.Fetched(1), "send 1");
        rule.Does(new DeliveryEvent.Answered(1, Failed), "settle 1 retry 1 at +1s");
        rule.Does(new DeliveryEvent.Stored(0));
        Assert.Equal(Given.Noon.AddSeconds(1), rule.NextTick);
        rule.Now = Given.Noon.AddSeconds(1);
        rule.Does(new DeliveryEvent.Ticked(), "fetch 8");
        rule.Does(rule.Fetched(DeliveryHistory.Message(1) with { Attempts = 1 }), "send 1");
        rule.Does(new DeliveryEvent.Answered(1, Failed), "settle 1 retry 2 at +3s");
        rule.Does(new DeliveryEvent.Stored(0));
        rule.Now = Given.Noon.AddSeconds(3);
        rule.Does(new DeliveryEvent.Ticked(), "fetch 8");
        rule.Does(rule.Fetched(DeliveryHistory.Message(1) with { Attempts = 2 }), "send 1");
        rule.Does(new DeliveryEvent.Answered(1, Failed), "settle 1 dead after 3: HTTP 503");
    }

    [Fact]
    public void A_refusal_is_given_up_at_once_and_shows_that_the_receiver_is_there()
    {
        var rule = new DeliveryHistory();
        rule.Fetches(8);
        for (int i = 1; i <= Circuit.Threshold - 1; i++) rule.Answers(i, Failed);
        rule.Stores();
        rule.Does(
            new DeliveryEvent.Answered(5, new AttemptOutcome.Refused("HTTP 400")),
            "send 7", "fetch 4 without 5,6,7,8", "settle 5 dead after 1: HTTP 400");
        rule.Answers(6, Failed);
        Assert.False(rule.State.Circuit.IsPaused(rule.Now));
    }

    [Fact]
    public void A_receiver_that_is_down_is_left_alone_for_longer_and_longer_and_probed_with_one_message()
    {
        var rule = new DeliveryHistory { Rule = Given.Definition with { Concurrency = 4, MaxAttempts = 100 } };
        rule.Fetches(16);
        for (int i = 1; i <= Circuit.Threshold; i++) rule.Answers(i, Failed);
        rule.Stores();
        Assert.Equal(Given.Noon.AddSeconds(1), rule.State.Circuit.PausedUntil);
        // Those under way when it began to pause say nothing new, and nothing follows them.
        foreach (int i in new[] { 6, 7, 8 }) rule.Does(new DeliveryEvent.Answered(i, Failed), i == 6 ? ["settle 6 retry 1 at +1s"] : []);
        rule.Stores();
        Assert.Equal(Given.Noon.AddSeconds(1), rule.State.Circuit.PausedUntil);
        int[] pauses = [2, 4, 8, 16, 32, 64, 128];
        for (int i = 0; i < pauses.Length; i++)
        {
            Assert.Equal(rule.State.Circuit.PausedUntil, rule.NextTick);
            rule.Now = rule.NextTick!.Value;
            Assert.Equal([9 + i], rule.Step(new DeliveryEvent.Ticked()).OfType<DeliveryEffect.Send>().Select(s => s.Message.Sequence));
            rule.Answers(9 + i, Failed);
            rule.Stores();
            Assert.Equal(rule.Now.AddSeconds(pauses[i]), rule.State.Circuit.PausedUntil);
        }
        rule.Now = rule.State.Circuit.PausedUntil!.Value;
        Assert.Contains("send 16", DeliveryHistory.Describe(rule.Step(new DeliveryEvent.Ticked())));
        rule.Answers(16, Delivered);
        Assert.Equal(Circuit.Closed, rule.State.Circuit);
    }

    [Fact]
    public void Retry_after_is_honoured_by_the_message_and_by_the_rule()
    {
        var rule = new DeliveryHistory();
        rule.Fetches(8);
        rule.Does(new DeliveryEvent.Answered(1, new AttemptOutcome.Failed("HTTP 429", TimeSpan.FromSeconds(90))), "settle 1 retry 1 at +91s");
        rule.Does(new DeliveryEvent.Answered(2, Delivered), "send 3", "send 4");
        Assert.Equal(Circuit.Closed, rule.State.Circuit);

        rule = new DeliveryHistory();
        rule.Fetches(8);
        rule.Does(new DeliveryEvent.Answered(1, new AttemptOutcome.Failed("HTTP 503", TimeSpan.FromDays(3))), "settle 1 retry 1 at +3601s");
        Assert.Equal(Given.Noon.AddSeconds(3601), rule.State.Circuit.PausedUntil);
        Assert.Single(rule.State.InFlight);
    }

    [Fact]
    public void What_has_waited_too_long_is_given_up_without_an_attempt()
    {
        var rule = new DeliveryHistory { Now = Given.Noon.AddHours(2) };
        rule.Does(new DeliveryEvent.Woken(), "fetch 8");
        rule.Does(
            rule.Fetched(DeliveryHistory.Message(1), DeliveryHistory.Message(2) with { QueuedAt = rule.Now }), "send 2",
            "settle 1 dead after 0: It waited for longer than the rule's maxAge.");
    }

    [Fact]
    public void Nothing_is_given_up_while_there_is_no_room_among_the_dead_letters()
    {
        var rule = new DeliveryHistory { MaxDeadLetters = 2 };
        rule.Does(new DeliveryEvent.Counted(1));
        rule.Fetches(3);
        rule.Does(new DeliveryEvent.Answered(1, new AttemptOutcome.Refused("HTTP 400")), "send 3", "settle 1 dead after 1: HTTP 400");
        rule.Step(new DeliveryEvent.Answered(2, new AttemptOutcome.Refused("HTTP 400")));
        rule.Does(new DeliveryEvent.Stored(2), "settle 2 retry 1 at +301s");
        rule.Does(new DeliveryEvent.Counted(0));
        rule.Does(new DeliveryEvent.Answered(3, new AttemptOutcome.Refused("HTTP 400")));
        rule.Does(new DeliveryEvent.Stored(0), "settle 3 dead after 1: HTTP 400");
    }

    [Fact]
    public void A_disabled_rule_settles_what_was_under_way_and_sends_nothing()
    {
        var rule = new DeliveryHistory();
        var definition = rule.Rule;
        rule.Fetches(4);
        rule.Rule = null;
        rule.Does(new DeliveryEvent.Changed());
        rule.Does(new DeliveryEvent.Woken());
        rule.Does(new DeliveryEvent.Answered(1, Delivered), "settle 1 done");
        rule.Does(new DeliveryEvent.Answered(2, Failed));
        rule.Does(new DeliveryEvent.Stored(0), "settle 2 retry 1 at +1s");
        rule.Does(new DeliveryEvent.Stored(0));
        rule.Rule = definition;
        rule.Does(new DeliveryEvent.Changed(), "fetch 8");
    }

    [Fact]
    public void A_store_that_fails_is_asked_again_in_a_second_and_what_was_delivered_is_not_sent_again()
    {
        var rule = new DeliveryHistory();
        rule.Fetches(1);
        rule.Does(new DeliveryEvent.Answered(1, Delivered), "settle 1 done");
        rule.Does(new DeliveryEvent.StoreFailed(WasFetching: false));
        rule.Does(new DeliveryEvent.Woken());
        Assert.Equal(rule.Now.AddSeconds(1), rule.NextTick);
        rule.Now = rule.NextTick!.Value;
        rule.Does(new DeliveryEvent.Ticked(), "fetch 7 without 1", "settle 1 done");
        rule.Does(new DeliveryEvent.StoreFailed(WasFetching: true));
        rule.Does(new DeliveryEvent.Stored(0), "fetch 8");
    }
}
