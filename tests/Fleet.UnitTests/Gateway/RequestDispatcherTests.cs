using Fleet.Gateway.AwsTopics;

namespace Fleet.UnitTests.Gateway;

/// <summary>Each family of reserved topics has one handler, or the gateway does not start.</summary>
public sealed class RequestDispatcherTests
{
    [Fact]
    public void A_family_without_a_handler_is_named_before_anybody_connects()
    {
        var handlers = Enum.GetValues<TopicFamily>().Where(family => family != TopicFamily.Jobs).Select(family => new Handler(family));
        Assert.Contains("Jobs", Assert.Throws<ArgumentException>(() => new RequestDispatcher(handlers)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_handlers_of_one_family_are_one_too_many()
    {
        var handlers = Enum.GetValues<TopicFamily>().Append(TopicFamily.Shadow).Select(family => new Handler(family));
        Assert.Contains(
            "Shadow", Assert.Throws<ArgumentException>(() => new RequestDispatcher(handlers)).Message, StringComparison.Ordinal);
    }

    private sealed class Handler(TopicFamily family) : IRequestHandler
    {
        public TopicFamily Family => family;

        public ValueTask Handle(ReservedRequest request, Requester requester) => ValueTask.CompletedTask;
    }
}
