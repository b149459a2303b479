using Fleet.IntegrationTests.Support;

namespace Fleet.InteropTests;

/// <summary>What a broker is for, with mosquitto's clients in both versions.</summary>
public sealed class MosquittoBrokerTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public MosquittoBrokerTests() => Strangers.Need("mosquitto_sub", "mosquitto-clients");

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start("Fleet:Gateway:PlainPort=0");

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Theory, InlineData("311"), InlineData("5")]
    public async Task Exactly_once_there_and_back(string version)
    {
        await using var subscriber = await Subscribe(version, "-q", "2", "-C", "3", "-t", "once/#");
        foreach (string payload in (string[])["one", "two", "three"]) await Publish(version, "-q", "2", "-t", "once/x", "-m", payload);
        Assert.Equal(0, await subscriber.Exited(Patience()));
        Assert.Equal(3, Count(subscriber, ", q2, "));
        Assert.Equal(["one", "two", "three"], Payloads(subscriber));
    }

    [Theory, InlineData("311"), InlineData("5")]
    public async Task A_shared_subscription_divides_the_work(string version)
    {
        await using var one = await Subscribe(version, "-q", "1", "-t", "$share/crew/work/+");
        await using var other = await Subscribe(version, "-q", "1", "-t", "$share/crew/work/+");
        await using var everything = await Subscribe(version, "-q", "1", "-t", "work/+");
        for (int i = 0; i < 10; i++) await Publish(version, "-q", "1", "-t", $"work/{i}", "-m", $"{i}");
        await Eventually.True(() => Task.FromResult(Payloads(everything).Count == 10 && Payloads(one).Count + Payloads(other).Count == 10),
            () => $"{one.Output}\n---\n{other.Output}");
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), Payloads(one).Concat(Payloads(other)).Order());
        Assert.NotEmpty(Payloads(one));
        Assert.NotEmpty(Payloads(other));
    }

    [Theory, InlineData("311"), InlineData("5")]
    public async Task A_will_is_published_when_the_client_dies_and_kept_if_it_says_so(string version)
    {
        await using var watcher = await Subscribe(version, "-q", "1", "-C", "1", "-t", "will/+");
        await using (var mortal = await Subscribe(version, "-i", "mortal", "-t", "x", "--will-topic", "will/mortal", "--will-payload", "gone", "--will-qos", "1", "--will-retain"))
        {
            await mortal.Kill();
        }
        Assert.Equal(0, await watcher.Exited(Patience()));
        Assert.Equal(["gone"], Payloads(watcher));
        await using var late = await Subscribe(version, "-C", "1", "-t", "will/mortal");
        Assert.Equal(0, await late.Exited(Patience()));
        Assert.Equal(["gone"], Payloads(late));
        Assert.Equal(1, Count(late, ", r1, "));
    }

    [Theory, InlineData("311"), InlineData("5")]
    public async Task A_retained_message_is_replaced_and_removed(string version)
    {
        await Publish(version, "-r", "-q", "1", "-t", "kept/a", "-m", "first");
        await Publish(version, "-r", "-q", "2", "-t", "kept/a", "-m", "second");
        await Publish(version, "-r", "-q", "1", "-t", "kept/b", "-m", "other");
        await Publish(version, "-r", "-q", "1", "-t", "kept/b", "-n");
        await using var subscriber = await Subscribe(version, "-C", "2", "-t", "kept/#");
        await Publish(version, "-t", "kept/end", "-m", "end");
        Assert.Equal(0, await subscriber.Exited(Patience()));
        Assert.Equal(["second", "end"], Payloads(subscriber));
    }

    [Theory, InlineData("311"), InlineData("5")]
    public async Task A_persistent_session_hears_what_it_missed(string version)
    {
        string[] session = ["-i", $"keeper-{version}", "-c", .. version == "5" ? new[] { "-x", "3600" } : []];
        await using (var first = Start(version, [.. session, "-q", "2", "-t", "missed/#", "-E"]))
        {
            Assert.True(await first.Exited(Patience()) == 0, first.Output);
        }
        for (int i = 0; i < 3; i++) await Publish(version, "-q", "2", "-t", "missed/x", "-m", $"{i}");
        await using var again = Start(version, [.. session, "-q", "2", "-t", "missed/#", "-C", "3"]);
        Assert.True(await again.Exited(Patience()) == 0, again.Output);
        Assert.Equal(["0", "1", "2"], Payloads(again));
    }

    private async Task<ChildProcess> Subscribe(string version, params string[] options)
    {
        var subscriber = Start(version, options);
        await Eventually.True(() => Task.FromResult(subscriber.Output.Contains("Subscribed (mid", StringComparison.Ordinal)), () => subscriber.Output);
        return subscriber;
    }

    /// <summary>-d tells what the client does, beside the payloads, which this marks. Line by line, which it does not do by itself into a pipe.</summary>
    private ChildProcess Start(string version, string[] options) =>
        ChildProcess.Start("stdbuf", ["-oL", "mosquitto_sub", "-p", $"{_fleet.PlainPort}", "-V", version == "5" ? "mqttv5" : "mqttv311", "-d", "-W", "60", "-F", "payload=%p", .. options]);

    private async Task Publish(string version, params string[] options)
    {
        await using var publisher = ChildProcess.Start("mosquitto_pub", ["-p", $"{_fleet.PlainPort}", "-V", version == "5" ? "mqttv5" : "mqttv311", .. options]);
        Assert.True(await publisher.Exited(Patience()) == 0, publisher.Output);
    }

    private static List<string> Payloads(ChildProcess subscriber) =>
        [.. subscriber.Output.Split('\n').Where(l => l.StartsWith("payload=", StringComparison.Ordinal)).Select(l => l["payload=".Length..])];

    private static int Count(ChildProcess subscriber, string word) =>
        subscriber.Output.Split('\n').Count(l => l.Contains("received PUBLISH", StringComparison.Ordinal) && l.Contains(word, StringComparison.Ordinal));

    private static CancellationToken Patience() => new CancellationTokenSource(Eventually.Patience).Token;
}
