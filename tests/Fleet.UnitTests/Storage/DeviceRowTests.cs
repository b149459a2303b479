using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;

namespace Fleet.UnitTests.Storage;

public sealed class DeviceRowsOnSqlite : DeviceRowTests<SqliteTestDatabase>
{
    [Fact]
    public async Task Only_the_columns_that_changed_are_named_so_that_other_indexes_are_not_touched()
    {
        var record = await Database.Write("device", "a", Full);
        string[] columns = ["model", "firmware", "firmware_order", "healthy", "connectivity", "gateway", "last_seen_at", "attributes"];
        await Database.Writer.Write(session =>
        {
            session.Run("CREATE TABLE named (name TEXT)");
            foreach (string column in columns)
                session.Run($"CREATE TRIGGER t_{column} AFTER UPDATE OF {column} ON devices BEGIN INSERT INTO named VALUES ('{column}'); END");
            return 0;
        });
        async Task Sets(IndexedState state, params string[] expected)
        {
            await Database.Writer.Write(session => session.Execute("DELETE FROM named"));
            record = await Database.Write("device", "a", state, record.ETag);
            Assert.Equal(string.Join(',', expected), Database.Scalar("SELECT COALESCE(group_concat(name), '') FROM (SELECT name FROM named ORDER BY name)"));
        }

        await Sets(Full);
        await Sets(Full with { LastSeenAt = Noon.AddSeconds(1) }, "last_seen_at");
        await Sets(Full with { Gateway = null, Connectivity = Connectivity.Stale }, "connectivity", "gateway", "last_seen_at");
        await Sets(Full with { Firmware = "2.0.0" }, "connectivity", "firmware", "firmware_order", "gateway");
        await Sets(Full with { Firmware = "2.0.0", Healthy = null, Model = "agv" }, "healthy", "model");
        await Sets(IndexedState.Of("a") with { Model = "agv" }, "attributes", "connectivity", "firmware", "firmware_order", "gateway", "last_seen_at");
    }
}

public sealed class DeviceRowsOnPostgres : DeviceRowTests<PostgresTestDatabase>
{
    [Fact]
    public async Task A_row_that_is_as_it_should_be_is_not_written()
    {
        var record = await Database.Write("device", "a", Full);
        object? Version() => Database.Scalar("SELECT (SELECT xmin::text FROM devices) || ' ' || (SELECT MAX(xmin::text::bigint) FROM device_attributes)");
        object? before = Version();
        record = await Database.Write("device", "a", Full, record.ETag);
        Assert.Equal(before, Version());
        record = await Database.Write("device", "a", Full with { Attributes = Full.Attributes.SetItem("site", "osaka") }, record.ETag);
        Assert.NotEqual(before, Version());
        // The attribute that stayed was left alone.
        Assert.Equal(2L, Database.Scalar("SELECT COUNT(DISTINCT xmin::text) FROM device_attributes"));
    }
}

/// <summary>The row of a device in the index says what its record says, whichever columns a write changes.</summary>
public abstract class DeviceRowTests<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private protected static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    private protected static readonly IndexedState Full = IndexedState.Of("a", ("site", "tokyo"), ("line", "3")) with
    {
        Firmware = "1.0.0", Healthy = true, Connectivity = Connectivity.Connected, Gateway = "gw-1", LastSeenAt = Noon,
    };

    private protected TDatabase Database { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
    }

    [Fact]
    public async Task After_any_writes_the_rows_are_those_of_the_records()
    {
        var random = new Random(1);
        string[] things = ["a", "b", "c", "d", "e"];
        var records = things.Select(_ => new Orleans.GrainState<IndexedState>()).ToArray();
        for (int round = 0; round < 60; round++)
        {
            await Task.WhenAll(things.Select(async (thing, i) =>
            {
                // Now and then it is no device, or says the same once more.
                IndexedState next;
                lock (random) next = random.Next(10) == 0 ? new() : random.Next(5) == 0 && records[i].State is { } same ? same : Any(random, thing);
                records[i] = await Database.Write("device", thing, next, records[i].ETag);
            }));
            var rows = await Database.Index.Find(FleetQuery.All, null, 100, default);
            var expected = records.Select(record => record.State!.ToDeviceRow()).OfType<DeviceRow>().ToList();
            Assert.Equal(expected.Select(Text), rows.Select(Text));
            long attributes = Convert.ToInt64(Database.Scalar("SELECT COUNT(*) FROM device_attributes"));
            Assert.Equal(expected.Sum(row => row.Attributes.Count), attributes);
            foreach (string site in (string[])["x", "7", "東京"])
            {
                var query = new FleetQuery(new FleetExpression.Is(new FleetField(FleetFieldKind.Attribute, "site"), site));
                Assert.Equal(expected.Where(query.Finds).Select(Text), (await Database.Index.Find(query, null, 100, default)).Select(Text));
            }
        }
    }

    private static IndexedState Any(Random random, string thing)
    {
        T One<T>(params T[] choices) => choices[random.Next(choices.Length)];
        var attributes = One("site", "none") == "none" ? [] : new[] { ("site", One("x", "7", "東京")), (One("line", "floor"), One("1", "2")) };
        return IndexedState.Of(thing, attributes) with
        {
            Model = One("amr", "agv"), Firmware = One(null, "1.0.0", "1.10.0"), Healthy = One<bool?>(null, true, false),
            Connectivity = One(Connectivity.Never, Connectivity.Connected, Connectivity.Stale), Gateway = One(null, "gw-1", "gw-2"),
            LastSeenAt = One<DateTimeOffset?>(null, Noon, Noon.AddMicroseconds(1)),
        };
    }

    private static string Text(DeviceRow row) =>
        $"{row with { Attributes = row.Attributes.Clear() }} {string.Join(' ', row.Attributes.Select(pair => $"{pair.Key}={pair.Value}"))}";
}
