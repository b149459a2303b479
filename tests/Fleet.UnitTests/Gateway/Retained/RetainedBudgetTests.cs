using Fleet.Gateway.Retained;
using Fleet.Gateway.Telemetry;

namespace Fleet.UnitTests.Gateway.Retained;

/// <summary>Who may retain how much, and to whom it counts.</summary>
public sealed class RetainedBudgetTests
{
    private readonly RetainedBudget _budget = new(new RetainedOptions
    {
        MaxRetainedMessages = 5, MaxRetainedBytes = 100, MaxRetainedMessagesPerPrincipal = 3, MaxRetainedBytesPerPrincipal = 50,
    });
    private readonly Dictionary<string, RetainedCharge> _shown = [];

    [Fact]
    public void Each_limit_is_named()
    {
        Assert.Equal(["kept by a", "kept by a", "kept by a", "PrincipalMessages"], [Put("1", "a", 1), Put("2", "a", 1), Put("3", "a", 1), Put("4", "a", 1)]);
        Assert.Equal("PrincipalBytes", Put("4", "b", 51));
        Assert.Equal(["kept by b", "kept by c"], [Put("4", "b", 50), Put("5", "c", 47)]);
        Assert.Equal("Messages", Put("6", "d", 1));
        Remove("4");
        Assert.Equal(["kept by d", "Bytes"], [Put("4", "d", 40), Put("4", "e", 50 + 1)]);
    }

    [Fact]
    public void What_is_no_larger_is_taken_whatever_else_there_is()
    {
        foreach (string topic in (string[])["1", "2", "3", "4", "5"]) Show(topic, "a", 30);
        Assert.Equal(["kept by a", "kept by a", "Bytes"], [Put("1", "a", 30), Put("1", "a", 10), Put("1", "a", 11)]);
        // Another's, who has no room for it.
        Show("6", "b", 50);
        Assert.Equal(["kept by a", "Bytes"], [Put("2", "b", 30), Put("2", "b", 31)]);
    }

    [Fact]
    public void A_message_counts_towards_whoever_set_it_last()
    {
        Assert.Equal("kept by a", Put("1", "a", 50));
        Assert.Equal("PrincipalBytes", Put("2", "a", 1));
        Assert.Equal("kept by b", Put("1", "b", 50));
        Assert.Equal(["PrincipalBytes", "kept by a"], [Put("2", "b", 1), Put("2", "a", 50)]);
        Assert.Equal(100, _budget.Bytes);
        Remove("1");
        Assert.Equal("kept by b", Put("3", "b", 50));
        // Nobody's: what was stored before there were shares, what the service says of the dead.
        Remove("2");
        Assert.Equal(["kept by ", "Bytes"], [Put("4", null, 50), Put("5", null, 1)]);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void No_history_takes_a_share_over_its_limits(int seed)
    {
        var random = new Random(seed);
        for (int step = 0; step < 5_000; step++)
        {
            string topic = $"{random.Next(8)}";
            if (random.Next(4) == 0) Remove(topic);
            else Put(topic, $"{(char)('a' + random.Next(4))}", random.Next(1, 60));
            Assert.InRange(_shown.Count, 0, 5);
            Assert.InRange(_shown.Values.Sum(charge => charge.Bytes), 0, 100);
            Assert.Equal(_shown.Values.Sum(charge => charge.Bytes), _budget.Bytes);
            foreach (var share in _shown.Values.GroupBy(charge => charge.Principal))
            {
                Assert.InRange(share.Count(), 0, 3);
                Assert.InRange(share.Sum(charge => charge.Bytes), 0, 50);
            }
        }
    }

    private string Put(string topic, string? principal, int bytes)
    {
        var before = _shown.TryGetValue(topic, out var there) ? there : (RetainedCharge?)null;
        switch (_budget.Decide(before, new(principal, bytes)))
        {
            case RetainedVerdict.Refused refused: return $"{refused.Limit}";
            case RetainedVerdict.Kept kept:
                Show(topic, kept.Principal, bytes);
                return $"kept by {kept.Principal}";
            default: throw new InvalidOperationException();
        }
    }

    private void Show(string topic, string? principal, int bytes)
    {
        var after = new RetainedCharge(principal, bytes);
        _budget.Move(_shown.TryGetValue(topic, out var before) ? before : null, after);
        _shown[topic] = after;
    }

    private void Remove(string topic)
    {
        if (_shown.Remove(topic, out var before)) _budget.Move(before, null);
    }
}
