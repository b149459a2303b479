using System.Net;
using Fleet.Gateway.Auth;

namespace Fleet.UnitTests.Gateway.Auth;

/// <summary>Whatever one address does, another one gets in: histories drawn from a seed.</summary>
public sealed class AdmissionCoreTests
{
    private static readonly IPAddress Flood = IPAddress.Parse("192.0.2.1"), Other = IPAddress.Parse("198.51.100.1");

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 200)];

    [Theory, MemberData(nameof(Seeds))]
    public void While_one_address_floods_another_gets_in_at_once_at_any_rate_of_20_or_more(int seed)
    {
        var random = new Random(seed);
        var state = new AdmissionState(AdmissionRate.Of(random.Next(20, 2_000)));
        long now = random.Next(1, 1_000_000);
        for (int step = 0; step < 50; step++)
        {
            // Two connections' worth at the least, of which the flood has one where a second begins.
            now += random.Next(100, 500);
            state = FloodOf(state, random.Next(1, 3_000), now);
            (state, bool isAdmitted) = AdmissionCore.Accept(state, Other, now);
            Assert.True(isAdmitted, $"seed {seed}, step {step}: rate {state.Rate}, {state.Recent.All} in second {state.Second}");
        }
    }

    [Theory, MemberData(nameof(Seeds))]
    public void No_more_are_let_in_than_the_rate_says_and_nearly_as_many(int seed)
    {
        var random = new Random(seed);
        int rate = random.Next(1, 1_000);
        var state = new AdmissionState(AdmissionRate.Of(rate));
        IPAddress[] addresses = [.. Enumerable.Range(1, random.Next(1, 20)).Select(i => new IPAddress((long)i))];
        long start = 5_000, now = start;
        int all = 0;
        while (now < start + 10_000)
        {
            now += random.Next(1, 20);
            for (int tries = 0; tries < 50; tries++)
            {
                var address = addresses[random.Next(addresses.Length)];
                (state, bool isAdmitted) = AdmissionCore.Accept(state, address, now);
                if (isAdmitted) all++;
            }
        }
        double worth = rate * (1 + ((now - start) / 1000.0));
        Assert.True(all <= worth + 1, $"seed {seed}: {all} of {worth} were let in");
        // Fifty tries a turn use up such a rate.
        if (rate is >= 20 and <= 500) Assert.True(all >= worth - (rate * 0.2), $"seed {seed}: only {all} of {worth} were let in");
    }

    private static AdmissionState FloodOf(AdmissionState state, int tries, long now)
    {
        for (int i = 0; i < tries; i++) (state, _) = AdmissionCore.Accept(state, Flood, now);
        return state;
    }
}
