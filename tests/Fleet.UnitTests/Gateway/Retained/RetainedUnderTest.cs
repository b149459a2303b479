using Fleet.Gateway.Messages;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Retained;

internal static class RetainedUnderTest
{
    /// <summary>What a new subscription would get.</summary>
    public static List<Publication> Shown(RetainedMessages retained, string filter)
    {
        Assert.True(retained.IsRead);
        List<Publication> shown = [];
        int looks = int.MaxValue;
        var cursor = retained.Open(new HeldSubscription(TopicFilter.Parse(filter), default, 0), since: 0);
        while (cursor.TryNext(owner: null!, now: 0, ref looks, out var message, out _)) shown.Add(message);
        return shown;
    }
}
