using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.UnitTests.Storage;

public sealed class FleetIndexOnSqlite : FleetIndexTests<SqliteTestDatabase>;

public sealed class FleetIndexOnPostgres : FleetIndexTests<PostgresTestDatabase>;

public abstract class FleetIndexTests<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TDatabase _database = new();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_row_comes_back_as_the_state_gave_it()
    {
        var state = IndexedState.Of("robot-1", ("site", "tokyo"), ("line", "a \"quoted\" 名")) with
        {
            Firmware = "1.2.3", Healthy = true, Connectivity = Connectivity.Stale, LastSeenAt = Noon.AddMicroseconds(1), Gateway = "gw-1",
        };
        await Put(state);
        var row = Assert.Single(await Find());
        var expected = state.ToDeviceRow()!;
        Assert.Equal(expected.Attributes.AsEnumerable(), row.Attributes);
        Assert.Equal(expected with { Attributes = row.Attributes }, row);
    }

    [Fact]
    public async Task Rows_are_found_by_every_field_and_by_attributes()
    {
        await Put(IndexedState.Of("a", ("site", "tokyo"), ("floor", "1")) with { Firmware = "1.0.0", Connectivity = Connectivity.Connected });
        await Put(IndexedState.Of("b", ("site", "tokyo"), ("floor", "2")) with { Firmware = "1.0.0" });
        await Put(IndexedState.Of("c", ("site", "osaka"), ("floor", "1")) with { Model = "agv", Connectivity = Connectivity.Connected });
        Assert.Equal("a b c", await Things());
        Assert.Equal("b", await Things(("thing", "b")));
        Assert.Equal("c", await Things(("model", "agv")));
        Assert.Equal("a b", await Things(("firmware", "1.0.0")));
        Assert.Equal("a c", await Things(("connectivity", "connected")));
        Assert.Equal("a b", await Things(("site", "tokyo")));
        Assert.Equal("a", await Things(("site", "tokyo"), ("floor", "1")));
        Assert.Equal("c", await Things(("floor", "1"), ("model", "agv")));
        Assert.Equal("", await Things(("floor", "1"), ("floor", "2")));
        Assert.Equal("", await Things(("site", "' OR 1=1 --")));
        Assert.Equal(2, await _database.Index.Count(Query(("site", "tokyo")), default));
    }

    [Fact]
    public async Task Pages_follow_each_other_by_thing_name_without_gap_or_repeat()
    {
        for (int i = 0; i < 25; i++) await Put(IndexedState.Of($"t{i:00}", ("site", i % 5 == 0 ? "osaka" : "tokyo")));
        foreach (var query in new[] { Query(), Query(("site", "tokyo")), Query(("model", "amr"), ("site", "tokyo")) })
        {
            List<string> seen = [];
            ThingName? after = null;
            while (await _database.Index.Find(query, after, 7, default) is { Length: > 0 } page)
            {
                Assert.True(page.Length <= 7);
                seen.AddRange(page.Select(row => row.Thing.Value));
                after = page[^1].Thing;
            }
            Assert.Equal(seen.Order(StringComparer.Ordinal).Distinct(), seen);
            Assert.Equal(await _database.Index.Count(query, default), seen.Count);
        }
    }

    [Fact]
    public async Task Attributes_that_change_are_found_by_their_new_value_alone()
    {
        string etag = await Put(IndexedState.Of("a", ("site", "tokyo"), ("old", "1")));
        await Put(IndexedState.Of("a", ("site", "osaka"), ("new", "1")), etag);
        Assert.Equal("", await Things(("site", "tokyo")));
        Assert.Equal("", await Things(("old", "1")));
        Assert.Equal("a", await Things(("site", "osaka")));
        Assert.Equal("a", await Things(("new", "1")));
    }

    [Fact]
    public async Task A_write_that_loses_its_etag_leaves_the_index_alone()
    {
        string etag = await Put(IndexedState.Of("a", ("site", "tokyo")));
        await Put(IndexedState.Of("a", ("site", "osaka")), etag);
        await Assert.ThrowsAsync<InconsistentStateException>(() => Put(IndexedState.Of("a", ("site", "kyoto")), etag));
        Assert.Equal("", await Things(("site", "kyoto")));
        Assert.Equal("a", await Things(("site", "osaka")));
    }

    [Fact]
    public async Task A_device_that_is_no_more_has_no_rows()
    {
        var record = await _database.Write("device", "a", IndexedState.Of("a", ("site", "tokyo")));
        record.State = new IndexedState();
        await _database.Grains.WriteStateAsync("device", GrainId.Create("device", "a"), record);
        Assert.Equal(0, await _database.Index.Count(Query(), default));
        record.State = IndexedState.Of("a", ("site", "tokyo"));
        await _database.Grains.WriteStateAsync("device", GrainId.Create("device", "a"), record);
        await _database.Grains.ClearStateAsync("device", GrainId.Create("device", "a"), record);
        Assert.Equal(0L, _database.Scalar("SELECT (SELECT COUNT(*) FROM devices) + (SELECT COUNT(*) FROM device_attributes)"));
    }

    [Fact]
    public async Task Devices_are_counted_by_connectivity_with_zero_for_none()
    {
        await Put(IndexedState.Of("a") with { Connectivity = Connectivity.Connected });
        await Put(IndexedState.Of("b") with { Connectivity = Connectivity.Connected });
        await Put(IndexedState.Of("c"));
        var counts = await _database.Index.CountByConnectivity(default);
        Assert.Equal([1L, 2, 0, 0], Enum.GetValues<Connectivity>().Select(c => counts[c]));
    }

    [Fact]
    public async Task The_catalog_lists_a_kind_by_key_and_follows_the_record()
    {
        foreach (string key in (string[])["r2", "r1", "r3"]) await _database.Write("rollout", key, new ListedState { Key = key, CreatedAt = Noon });
        var first = await _database.Read<ListedState>("rollout", "r1");
        await _database.Write("rollout", "r1", first.State! with { Status = "completed" }, first.ETag);
        var page = await _database.Catalog.List("rollout", null, 2, default);
        Assert.Equal<CatalogRow>([new("rollout", "r1", "completed", Noon), new("rollout", "r2", "running", Noon)], page.ToArray());
        Assert.Equal("r3", Assert.Single(await _database.Catalog.List("rollout", "r2", 2, default)).Key);
        Assert.Empty(await _database.Catalog.List("firmware", null, 10, default));

        var second = await _database.Read<ListedState>("rollout", "r2");
        await _database.Grains.ClearStateAsync("rollout", GrainId.Create("rollout", "r2"), second);
        Assert.Equal(["r1", "r3"], (await _database.Catalog.List("rollout", null, 10, default)).Select(row => row.Key));
    }

    private async Task<string> Put(IndexedState state, string? etag = null) => (await _database.Write("device", state.Thing!, state, etag)).ETag!;

    private static FleetQuery Query(params (string Field, string Value)[] terms) => terms.Length == 0
        ? FleetQuery.All
        : ((FleetQueryParse.Parsed)FleetQueryParser.Parse(string.Join(" and ", terms.Select(t => $"{t.Field}=\"{t.Value}\"")))).Query;

    private async Task<ImmutableArray<DeviceRow>> Find(params (string, string)[] terms) => await _database.Index.Find(Query(terms), null, 100, default);

    private async Task<string> Things(params (string, string)[] terms) => string.Join(' ', (await Find(terms)).Select(row => row.Thing));
}
