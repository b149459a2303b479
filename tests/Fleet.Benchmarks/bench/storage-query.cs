#:project ../../../silo/Fleet.Silo.csproj
#:property PublishAot=false
#:property AssemblyName=Fleet.Benchmarks
#:property ServerGarbageCollection=false
// How long does the fleet index take for a page of 100 and for a count, with a million devices?
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/storage-query.cs [-- --devices 1000000 --sqlite yes --folder /var/tmp --postgres "Host=…;Username=…"]
// Devices: 90 % amr, 60 % connected, 200 sites of unequal size (tokyo 8 %, osaka 4 %), 20 lines (as tag.line) for half of them, 12 versions.
// The rows are written straight into the tables, in the shape in which the service writes them.
using System.Diagnostics;
using System.Globalization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Postgres;
using Fleet.Silo.Storage.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;

string Option(string name, string otherwise) => Array.IndexOf(args, name) is >= 0 and var i ? args[i + 1] : otherwise;
int devices = int.Parse(Option("--devices", "1000000"));
string server = Option("--postgres", "");
string folder = Directory.CreateDirectory(Path.Combine(Option("--folder", Path.GetTempPath()), $"fleet-bench-{Environment.ProcessId}")).FullName;
string[] versions = ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0", "2.0.1", "2.0.2", "2.1.0-rc.1", "2.1.0-rc.2", "2.1.0", "2.1.1", "3.0.0"];
string[] queries =
[
    "", "site:tokyo", "site:site-137", "model:amr", "not connected", "firmware<2.1.0", "firmware>=2.1.0-rc.2 and firmware<2.1.0",
    "model:amr and firmware<2.1.0 and (site:tokyo or tag.line=3) and not connected",
    "model:amr and not site:tokyo", "tag.line>15 and site:{tokyo,osaka}", "thing:amr-00012*", "site:site-13* and stale", "connected and health:unhealthy",
    "model:amr and connected and firmware>=2.0.0 and not (site:tokyo or site:osaka)", "site:nowhere", "gateway:gw-7 and model:dog",
];

try
{
    if (Option("--sqlite", "yes") == "yes") await Sqlite();
    if (server.Length > 0) await Postgres();
}
finally
{
    Directory.Delete(folder, recursive: true);
}

async Task Sqlite()
{
    var database = new SqliteDatabase(Path.Combine(folder, "fleet.db"), Options.Create(new StorageOptions()), TimeProvider.System);
    using (var session = database.OpenWriter())
    {
        session.Execute("BEGIN IMMEDIATE");
        foreach (var row in Rows())
        {
            session.Execute(
                "INSERT INTO devices (thing, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at, attributes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                row.Thing, row.Model, row.Firmware, row.Order, row.Healthy, row.Connectivity, row.Gateway, SqlTime.Format(row.LastSeenAt), row.Json);
            foreach (var (name, value) in row.Attributes)
                session.Execute("INSERT INTO device_attributes (thing, name, value, number) VALUES ($1, $2, $3, $4)", row.Thing, name, value, AttributeNumber.Of(value));
        }
        session.Execute("COMMIT");
        session.Run("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    using var readers = new SqliteReaders(database);
    Console.WriteLine($"SQLite, {devices:N0} devices, {new FileInfo(database.File).Length / 1048576} MiB");
    await Measure(new FleetIndex(new SqliteIndexTables(readers)));
}

async Task Postgres()
{
    string name = $"fleet_bench_{Environment.ProcessId}";
    await Execute($"CREATE DATABASE {name}");
    try
    {
        var options = new StorageOptions { Provider = "postgres", ConnectionString = new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString };
        await using var database = new PostgresDatabase(Options.Create(options), TimeProvider.System, DatabaseUse.WithoutRecords);
        await using (var connection = await database.Source.OpenConnectionAsync())
        {
            await using (var copy = await connection.BeginBinaryImportAsync("COPY devices (thing, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at, attributes) FROM STDIN (FORMAT BINARY)"))
            {
                foreach (var row in Rows())
                {
                    await copy.StartRowAsync();
                    foreach (string? text in (string?[])[row.Thing, row.Model, row.Firmware, row.Order])
                    {
                        if (text is null) await copy.WriteNullAsync();
                        else await copy.WriteAsync(text);
                    }
                    if (row.Healthy is { } healthy) await copy.WriteAsync(healthy);
                    else await copy.WriteNullAsync();
                    await copy.WriteAsync(row.Connectivity);
                    if (row.Gateway is { } gateway) await copy.WriteAsync(gateway);
                    else await copy.WriteNullAsync();
                    await copy.WriteAsync(row.LastSeenAt.UtcDateTime);
                    await copy.WriteAsync(row.Json, NpgsqlTypes.NpgsqlDbType.Jsonb);
                }
                await copy.CompleteAsync();
            }
            await using (var copy = await connection.BeginBinaryImportAsync("COPY device_attributes (thing, name, value, number) FROM STDIN (FORMAT BINARY)"))
            {
                foreach (var row in Rows())
                {
                    foreach (var (attribute, value) in row.Attributes)
                    {
                        await copy.StartRowAsync();
                        await copy.WriteAsync(row.Thing);
                        await copy.WriteAsync(attribute);
                        await copy.WriteAsync(value);
                        if (AttributeNumber.Of(value) is { } number) await copy.WriteAsync(number);
                        else await copy.WriteNullAsync();
                    }
                }
                await copy.CompleteAsync();
            }
            // What autovacuum does by itself a minute later.
            await using var vacuum = new NpgsqlCommand("VACUUM ANALYZE devices, device_attributes", connection) { CommandTimeout = 600 };
            await vacuum.ExecuteNonQueryAsync();
        }
        Console.WriteLine($"PostgreSQL, {devices:N0} devices");
        await Measure(new FleetIndex(new PostgresIndexTables(database)));
    }
    finally
    {
        await Execute($"DROP DATABASE {name} WITH (FORCE)");
    }

    async Task Execute(string sql)
    {
        await using var source = NpgsqlDataSource.Create(server);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}

async Task Measure(FleetIndex index)
{
    Console.WriteLine($"  {"query",-80} {"devices",9} {"page, ms",9} {"3rd page",9} {"count, ms",9} {"its CPU here, ms",17}");
    foreach (string text in queries)
    {
        var query = text.Length == 0 ? FleetQuery.All : ((FleetQueryParse.Parsed)FleetQueryParser.Parse(text)).Query;
        long count = 0;
        ThingName? after = null;
        var (page, _) = await Time(async () => await index.Find(query, null, 100, default));
        for (int i = 0; i < 2 && await index.Find(query, after, 100, default) is { Length: > 0 } rows; i++) after = rows[^1].Thing;
        var (third, _) = await Time(async () => await index.Find(query, after, 100, default));
        var (counted, cpu) = await Time(async () => count = await index.Count(query, default));
        Console.WriteLine($"  {(text.Length == 0 ? "(all)" : text),-80} {count,9:N0} {page,9:N1} {third,9:N1} {counted,9:N1} {cpu,17:N1}");
    }
}

// The median of five, after one that warms up; and their CPU time in this process, which is all there is with SQLite, and next to none with PostgreSQL.
static async Task<(double Median, double Cpu)> Time(Func<Task> work)
{
    await work();
    var times = new double[5];
    var cpu = Process.GetCurrentProcess().TotalProcessorTime;
    for (int i = 0; i < times.Length; i++)
    {
        long start = Stopwatch.GetTimestamp();
        await work();
        times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
    return (times.Order().ElementAt(2), (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalMilliseconds / times.Length);
}

IEnumerable<Row> Rows()
{
    var random = new Random(1);
    for (int i = 0; i < devices; i++)
    {
        bool dog = i >= devices * 9L / 10;
        int site = random.Next(100);
        var attributes = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["site"] = site < 8 ? "tokyo" : site < 12 ? "osaka" : $"site-{random.Next(200)}",
            ["owner"] = $"team-{random.Next(30)}",
        };
        if (random.Next(2) == 0) attributes["tag.line"] = random.Next(20).ToString(CultureInfo.InvariantCulture);
        string connectivity = random.Next(100) switch { < 60 => "connected", < 65 => "stale", < 98 => "disconnected", _ => "never" };
        string? firmware = connectivity == "never" ? null : versions[Math.Min(random.Next(versions.Length), random.Next(versions.Length))];
        yield return new(
            $"{(dog ? "dog" : "amr")}-{i:0000000}", dog ? "dog" : "amr", firmware,
            firmware is not null && FirmwareVersion.TryParse(firmware, out var version) ? FirmwareOrder.Of(version) : null,
            connectivity == "never" ? null : random.Next(100) > 0, connectivity, connectivity is "connected" or "stale" ? $"gw-{random.Next(20)}" : null,
            DateTimeOffset.UnixEpoch.AddDays(20_000).AddSeconds(random.Next(1_000_000)), attributes, System.Text.Json.JsonSerializer.Serialize(attributes));
    }
}

internal sealed record Row(
    string Thing, string Model, string? Firmware, string? Order, bool? Healthy, string Connectivity, string? Gateway, DateTimeOffset LastSeenAt,
    SortedDictionary<string, string> Attributes, string Json);
