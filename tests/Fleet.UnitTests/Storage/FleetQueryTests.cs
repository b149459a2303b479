using System.Globalization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Storage;
using Orleans.Runtime;

namespace Fleet.UnitTests.Storage;

public sealed class FleetQueryOnSqlite : FleetQueryTests<SqliteTestDatabase>;

public sealed class FleetQueryOnPostgres : FleetQueryTests<PostgresTestDatabase>;

/// <summary>What the databases make of a query, against the evaluator that goes by the book.</summary>
public abstract class FleetQueryTests<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly string[] Versions = ["1.0.0", "1.0.0-rc.1", "1.0.0-rc.1.1", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0-alpha", "1.0.0-1", "1.0.0-a-b", "1.2.0", "1.10.0", "2.0.0", "10.0.0"];
    private static readonly string[] Sites = ["tokyo", "Tokyo", "osaka", "o*a", "o%a", "o_a", "o[k]a", "o?a", "ok\\a", "東京", "東京都", "~", "a b", "'; DROP TABLE devices; --"];
    private static readonly string[] Lines = ["1", "3", "03", "3.0", "10", "-2", "-2.5", "0.5", "three", "3 ", "1e3", ".5", "5.", "123456789012345", "1234567890123456"];

    private readonly TDatabase _database = new();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Any_query_finds_and_counts_what_the_evaluator_finds()
    {
        foreach (int seed in Enumerable.Range(0, 4))
        {
            var random = new Random(seed);
            var fleet = Enumerable.Range(0, 60).Select(i => Device(random, $"{"abc"[i % 3]}-{seed}-{i:00}")).ToList();
            await Task.WhenAll(fleet.Select(device => _database.Write("device", device.Thing!, device)));
            var rows = await _database.Index.Find(FleetQuery.All, null, 1_000, default);
            for (int i = 0; i < 80; i++)
            {
                var query = new FleetQuery(Expression(random, 3));
                string why = $"seed {seed}, {i}: {query}";
                var expected = rows.Where(query.Finds).Select(row => row.Thing.Value).ToList();
                // Small and large sources, and a limit between, take different ways.
                foreach (int few in (int[])[0, 20, 5_000])
                {
                    var index = new FleetIndex(_database.Tables, new(few, few, FirstSteps: 2));
                    var found = (await index.Find(query, null, 1_000, default)).Select(row => row.Thing.Value).ToList();
                    Assert.True(expected.SequenceEqual(found), $"{why}, {few}: {string.Join(' ', expected)} / {string.Join(' ', found)}");
                    Assert.True(expected.Count == await index.Count(query, default), $"{why}, {few}");
                }
            }
        }
    }

    [Fact]
    public async Task Every_pair_of_versions_has_the_order_that_semantic_versioning_gives_it()
    {
        for (int i = 0; i < Versions.Length; i++) await _database.Write("device", $"d{i}", IndexedState.Of($"d{i}") with { Firmware = Versions[i] });
        await _database.Write("device", "none", IndexedState.Of("none"));
        foreach (string version in Versions)
        {
            foreach (string sign in (string[])["<", "<=", ">", ">="])
            {
                var query = Parse($"firmware{sign}{version}");
                var rows = await _database.Index.Find(FleetQuery.All, null, 100, default);
                Assert.Equal(rows.Where(query.Finds).Select(r => r.Thing.Value), (await _database.Index.Find(query, null, 100, default)).Select(r => r.Thing.Value));
            }
        }
    }

    [Fact]
    public async Task The_largest_query_is_answered()
    {
        await _database.Write("device", "a", IndexedState.Of("a", ("x", "99")));
        string text = string.Join(" or ", Enumerable.Range(0, FleetQueryParser.MaxTerms).Select(i => $"x:{i}"));
        Assert.Equal("a", Assert.Single(await _database.Index.Find(Parse(text), null, 10, default)).Thing.Value);
        string all = string.Join(" and ", Enumerable.Range(0, FleetQueryParser.MaxTerms).Select(i => $"x!={i}"));
        Assert.Empty(await _database.Index.Find(Parse(all), null, 10, default));
        string deep = string.Concat(Enumerable.Repeat("not (", 15)) + "x:99" + new string(')', 15);
        Assert.Equal(0, await _database.Index.Count(Parse(deep), default));
    }

    [Fact]
    public async Task While_rows_change_pages_miss_none_that_stayed_and_repeat_none()
    {
        var query = Parse("site:tokyo");
        var stayed = Enumerable.Range(0, 200).Select(i => $"stay-{i:000}").ToList();
        await Task.WhenAll(stayed.Select(thing => _database.Write("device", thing, IndexedState.Of(thing, ("site", "tokyo")))));
        using var stop = new CancellationTokenSource();
        var churn = Task.Run(async () =>
        {
            // Devices come and go before, between and after those that stay.
            for (var random = new Random(1); !stop.IsCancellationRequested;)
            {
                string thing = $"{"abstayz"[random.Next(7)]}-{random.Next(1_000)}-churn";
                var record = await _database.Write("device", thing, IndexedState.Of(thing, ("site", "tokyo")));
                if (random.Next(4) > 0) await _database.Grains.ClearStateAsync("device", GrainId.Create("device", thing), record);
                else await _database.Write("device", thing, IndexedState.Of(thing, ("site", "osaka")), record.ETag);
            }
        });
        try
        {
            for (int round = 0; round < 5; round++)
            {
                List<string> seen = [];
                ThingName? after = null;
                while (await _database.Index.Find(query, after, 7, default) is { Length: > 0 } page)
                {
                    seen.AddRange(page.Select(row => row.Thing.Value));
                    after = page[^1].Thing;
                }
                Assert.Equal(seen.Distinct().Order(StringComparer.Ordinal), seen);
                Assert.Equal(stayed, seen.Where(thing => thing.StartsWith("stay-", StringComparison.Ordinal) && !thing.EndsWith("churn", StringComparison.Ordinal)));
            }
        }
        finally
        {
            await stop.CancelAsync();
            try { await churn; }
            // The same name twice: the churn ends early, and has done its part.
            catch (Orleans.Storage.InconsistentStateException) { }
        }
    }

    private static FleetQuery Parse(string text) => Assert.IsType<FleetQueryParse.Parsed>(FleetQueryParser.Parse(text)).Query;

    private static T Any<T>(Random random, IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    private static IndexedState Device(Random random, string thing)
    {
        List<(string, string)> attributes = [];
        if (random.Next(4) > 0) attributes.Add(("site", Any(random, Sites)));
        if (random.Next(4) > 0) attributes.Add(("tag.line", Any(random, Lines)));
        return IndexedState.Of(thing, [.. attributes]) with
        {
            Model = Any(random, ["amr", "dog"]),
            Firmware = random.Next(5) == 0 ? null : Any(random, Versions),
            Healthy = Any(random, [true, false, (bool?)null]),
            Connectivity = Any(random, Enum.GetValues<Connectivity>()),
            Gateway = random.Next(2) == 0 ? null : Any(random, ["gw-1", "gw-2"]),
            LastSeenAt = random.Next(4) == 0 ? null : Noon.AddMicroseconds(random.Next(4)),
        };
    }

    private static FleetExpression Expression(Random random, int depth) => (depth == 0 ? 9 : random.Next(12)) switch
    {
        0 or 1 => new FleetExpression.And([.. Parts(random, depth)]),
        2 or 3 => new FleetExpression.Or([.. Parts(random, depth)]),
        4 => new FleetExpression.Not(Expression(random, depth - 1)),
        _ => Term(random),
    };

    private static List<FleetExpression> Parts(Random random, int depth) =>
        Enumerable.Range(0, random.Next(2, 4)).Select(_ => Expression(random, depth - 1)).ToList();

    // Through the parser, so that what it yields is what is tried.
    private static FleetExpression Term(Random random)
    {
        string sign = Any(random, ["<", "<=", ">", ">="]);
        string text = random.Next(11) switch
        {
            0 => $"thing:{Any(random, ["a-0-00", "b-*", "*1", "*-1*", "c-*-2*"])}",
            1 => $"model:{Any(random, ["amr", "dog", "a*", "x"])}",
            2 => $"firmware:{Any(random, [.. Versions, "1.*", "*rc*"])}",
            3 => $"firmware{sign}{Any(random, Versions)}",
            4 => Any(random, ["connected", "disconnected", "stale", "never"]),
            5 => $"health:{Any(random, ["healthy", "unhealthy", "unknown"])}",
            6 => $"gateway{Any(random, [":", "!="])}{Any(random, ["gw-1", "gw-*", "*", "x"])}",
            7 => string.Create(CultureInfo.InvariantCulture, $"lastSeen{sign}{Noon.AddMicroseconds(random.Next(4)):yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'}"),
            8 => $"tag.line{sign}{Any(random, ["3", "-2.5", "0", "10", "123456789012345"])}",
            9 => $"site{Any(random, [":", "!="])}{Any(random, ["*", "o*", "*o*", "東*", "ok*", "t*o"])}",
            _ => $"site{Any(random, [":", "!="])}\"{Any(random, Sites).Replace("\\", "\\\\", StringComparison.Ordinal)}\"",
        };
        return Parse(text).Filter;
    }
}
