using System.Net;
using Fleet.Gateway.Auth;

namespace Fleet.UnitTests.Gateway.Auth;

/// <summary>Who makes room: histories drawn from a seed, beside a model that looks at everything each time.</summary>
public sealed class FairSlotsTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 200)];

    [Theory, MemberData(nameof(Seeds))]
    public void The_longest_silent_of_whoever_has_most_makes_room(int seed)
    {
        var random = new Random(seed);
        int max = random.Next(1, 40), addresses = random.Next(1, 12);
        var slots = new FairSlots(max);
        List<Connection> silent = [], busy = [];
        for (int step = 0; step < 2_000; step++)
        {
            switch (random.Next(6))
            {
                case 0 when silent.Count > 0:
                    Move(silent, busy, slots.Work);
                    break;
                case 1 when busy.Count > 0:
                    Move(busy, silent, slots.Wait);
                    break;
                case 2 when silent.Count > 0:
                    Move(silent, [], slots.Free);
                    break;
                case 3 when busy.Count > 0:
                    Move(busy, [], slots.Free);
                    break;
                default:
                    Take(new Connection(new IPAddress(random.Next(addresses) << 24)));
                    break;
            }
            Assert.Equal(silent.Count + busy.Count, slots.Count);
            Assert.InRange(slots.Count, 0, max);
        }

        void Move(List<Connection> from, List<Connection> to, Action<Connection> how)
        {
            var connection = from[random.Next(from.Count)];
            how(connection);
            from.Remove(connection);
            to.Add(connection);
        }

        void Take(Connection connection)
        {
            bool isFull = silent.Count + busy.Count == max;
            int most = silent.CountBy(other => other.Network).Select(pair => pair.Value).DefaultIfEmpty().Max();
            if (!slots.TryTake(connection, out var closed))
            {
                // Nobody is silent, or it is this address that keeps the gateway busy.
                Assert.True((isFull && silent.Count == 0) || busy.Any(other => other.Network.Equals(connection.Network)), $"seed {seed}");
                Assert.Null(closed);
                return;
            }
            Assert.Equal(isFull, closed is not null);
            if (closed is not null)
            {
                Assert.Equal(most, silent.Count(other => other.Network.Equals(closed.Network)));
                Assert.Same(silent.First(other => other.Network.Equals(closed.Network)), closed);
                Assert.False(closed.HasSlot);
                silent.Remove((Connection)closed);
            }
            silent.Add(connection);
        }
    }

    [Theory, InlineData(1), InlineData(50), InlineData(100_000)]
    public void Whatever_silent_connections_hold_a_newcomer_gets_in_and_has_its_turn(int addresses)
    {
        var slots = new FairSlots(100);
        for (int i = 0; i < 100_000; i++) slots.TryTake(new Connection(new IPAddress(1 + (i % addresses))), out _);
        var newcomer = new Connection(IPAddress.Loopback);
        Assert.True(slots.TryTake(newcomer, out _));
        // As many again as there are slots, less its own, do not reach it.
        for (int i = 0; i < 99; i++) slots.TryTake(new Connection(new IPAddress(1 + (i % addresses))), out _);
        Assert.True(newcomer.HasSlot);
    }

    [Fact]
    public void A_spared_one_never_makes_room()
    {
        var slots = new FairSlots(2);
        var proxy = new Connection(IPAddress.Loopback) { IsSpared = true };
        Assert.True(slots.TryTake(proxy, out _));
        slots.Work(proxy);
        slots.Wait(proxy);
        for (int i = 0; i < 10; i++) Assert.True(slots.TryTake(new Connection(new IPAddress(1 + i)), out _));
        Assert.True(proxy.HasSlot);
    }

    private sealed class Connection(IPAddress address) : Slot(address);
}
