#:project ../../../silo/Fleet.Silo.csproj
#:property PublishAot=false
#:property AssemblyName=Fleet.Benchmarks
#:property ServerGarbageCollection=false
// How fast are devices' writes, what does group commit buy, and what does it cost a single writer? 100,000 devices with records of 300 bytes and rows in the
// fleet index; each writer takes its own of them in turn, every acknowledged write fsynced.
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/storage-commit.cs [-- --folder /var/tmp --postgres "Host=…;Username=…" --sqlite yes --seconds 5 --rounds 3 --devices 100000]
// The folder is the disk that is measured (SQLite); in memory (tmpfs) there is no fsync to share. The PostgreSQL server is one to make a database on.
// A bare loop shows what the database gives at best: one thread that commits 256 updates at a time and does nothing else.
using System.Collections.Immutable;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Postgres;
using Fleet.Silo.Storage.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using Orleans;
using Orleans.Runtime;

const int Writers = 256;
string Option(string name, string otherwise) => Array.IndexOf(args, name) is >= 0 and var i ? args[i + 1] : otherwise;
var measured = TimeSpan.FromSeconds(int.Parse(Option("--seconds", "5")));
int rounds = int.Parse(Option("--rounds", "3"));
int devices = int.Parse(Option("--devices", "100000"));
string server = Option("--postgres", "");
string folder = Directory.CreateDirectory(Path.Combine(Option("--folder", Path.GetTempPath()), $"fleet-bench-{Environment.ProcessId}")).FullName;
var json = new JsonSerializerOptions(JsonSerializerDefaults.Web);
json.MakeReadOnly(populateMissingResolver: true);
using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();

try
{
    for (int round = 0; round < rounds; round++)
    {
        if (Option("--sqlite", "yes") == "yes")
        {
            Console.WriteLine($"SQLite, {devices:N0} devices");
            await Sqlite(Path.Combine(folder, $"{round}.db"));
        }
        if (server.Length == 0) continue;
        Console.WriteLine($"PostgreSQL, {devices:N0} devices");
        await Postgres();
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

async Task Sqlite(string file)
{
    var options = new StorageOptions();
    var database = new SqliteDatabase(file, Options.Create(options), TimeProvider.System);
    await using var writer = new GroupCommitWriter(database, Options.Create(options), Monitor());
    using var readers = new SqliteReaders(database);
    var store = new SqliteRecords(writer, readers, new ETagClock(TimeProvider.System), TimeProvider.System);
    await MeasureAll(store);
    await writer.DisposeAsync();

    using var session = database.OpenWriter();
    byte[] state = JsonSerializer.SerializeToUtf8Bytes(State.Of(0), json);
    byte[][] keys = [.. Enumerable.Range(0, Writers).Select(w => Encoding.UTF8.GetBytes(Key(w * (devices / Writers))))];
    long etag = 0;
    void Commit(int first, int count)
    {
        session.Begin();
        var update = session.Statement("UPDATE grain_state SET state = ?3, etag = ?4, updated_at = ?5 WHERE type = ?1 AND key = ?2");
        for (int i = 0; i < count; i++)
        {
            update.Bind(1, "device"u8);
            update.Bind(2, keys[(first + i) % Writers]);
            update.Bind(3, state);
            update.Bind(4, ++etag);
            update.Bind(5, "2026-07-01T12:00:00.0000000Z"u8);
            update.Execute();
        }
        session.Commit();
    }
    session.Run("PRAGMA wal_autocheckpoint=4000");
    await Measure("1 writer, a transaction each, no queue", () => Loop(1, n => Commit(n, 1)));
    await Measure("bare loop, 256 in a transaction", () => Loop(256, n => Commit(n, 256)));
}

async Task Postgres()
{
    string name = $"fleet_bench_{Environment.ProcessId}";
    await Execute($"CREATE DATABASE {name}");
    try
    {
        var options = new StorageOptions { Provider = "postgres", ConnectionString = new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString };
        await using var database = new PostgresDatabase(Options.Create(options), TimeProvider.System, DatabaseUse.Sole);
        await using (var store = new PostgresRecords(database, Options.Create(options), Monitor(), TimeProvider.System))
        {
            await MeasureAll(store);
        }
        await using var connection = await database.OpenWriter(default);
        string text = JsonSerializer.Serialize(State.Of(0), json);
        string[] keys = [.. Enumerable.Range(0, Writers).Select(w => Key(w * (devices / Writers)))], states = [.. keys.Select(_ => text)];
        await using var one = new NpgsqlCommand("UPDATE grain_state SET state = $3, etag = $4 WHERE type = $1 AND key = $2", connection);
        foreach (object value in (object[])["device", keys[0], text, 1L]) one.Parameters.Add(new NpgsqlParameter { Value = value });
        await one.PrepareAsync();
        await Measure("1 writer, a transaction each, no queue", () => Loop(1, _ => one.ExecuteNonQuery()));
        await using var all = new NpgsqlCommand(
            "UPDATE grain_state g SET state = w.state, etag = 1 FROM unnest($1, $2) AS w (key, state) WHERE g.type = 'device' AND g.key = w.key", connection);
        foreach (string[] value in (string[][])[keys, states]) all.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await all.PrepareAsync();
        await Measure("bare loop, 256 in a transaction", () => Loop(256, _ => all.ExecuteNonQuery()));
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

StorageMonitor Monitor() => new(
    new StorageHealth(TimeProvider.System), new StorageMetrics(services.GetRequiredService<IMeterFactory>()), NullLogger<StorageMonitor>.Instance);

async Task MeasureAll(IRecordStore store)
{
    var fleet = new GrainState<Device>[devices];
    var storage = new GrainStorage(store, json);
    foreach (var chunk in Enumerable.Range(0, devices).Chunk(1_000))
        await Task.WhenAll(chunk.Select(i => storage.WriteStateAsync("device", Grain(i), fleet[i] = new(Device.New(i)))));
    await Measure("device, its row as before", () => Grouped(storage, "device", Writers, fleet, device => device.Changed()));
    await Measure("device that was seen", () => Grouped(storage, "device", Writers, fleet, device => device.Seen()));
    await Measure("device that connects or disconnects", () => Grouped(storage, "device", Writers, fleet, device => device.ComesOrGoes()));
    await Measure("device that was seen, 1 writer", () => Grouped(storage, "device", 1, fleet, device => device.Seen()));

    // As many again, of which the index knows nothing.
    var records = new GrainState<State>[devices];
    foreach (var chunk in Enumerable.Range(0, devices).Chunk(1_000))
        await Task.WhenAll(chunk.Select(i => storage.WriteStateAsync("record", Grain(i), records[i] = new(State.Of(i)))));
    await Measure("record without a row in the index", () => Grouped(storage, "record", Writers, records, state => State.Of(state.Number + 1)));
}

// Each writer rewrites the records of its own grains in a random order, as fast as it is acknowledged.
async Task<List<TimeSpan>> Grouped<T>(GrainStorage storage, string type, int writers, GrainState<T>[] records, Func<T, T> change)
{
    long start = Stopwatch.GetTimestamp();
    var all = await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
    {
        List<TimeSpan> latencies = new(50_000);
        var random = new Random(w);
        while (Stopwatch.GetElapsedTime(start) < measured)
        {
            int i = random.Next(devices / writers) * writers + w;
            long before = Stopwatch.GetTimestamp();
            records[i].State = change(records[i].State!);
            await storage.WriteStateAsync(type, Grain(i), records[i]);
            latencies.Add(Stopwatch.GetElapsedTime(before));
        }
        return latencies;
    })));
    return [.. all.SelectMany(latencies => latencies)];
}

Task<List<TimeSpan>> Loop(int writes, Action<int> commit)
{
    List<TimeSpan> latencies = [];
    long start = Stopwatch.GetTimestamp();
    for (int n = 0; Stopwatch.GetElapsedTime(start) < measured; n++)
    {
        long before = Stopwatch.GetTimestamp();
        commit(n);
        latencies.AddRange(Enumerable.Repeat(Stopwatch.GetElapsedTime(before), writes));
    }
    return Task.FromResult(latencies);
}

async Task Measure(string what, Func<Task<List<TimeSpan>>> run)
{
    var cpu = Process.GetCurrentProcess().TotalProcessorTime;
    var latencies = await run();
    double micros = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalMicroseconds / latencies.Count;
    latencies.Sort();
    double At(double share) => latencies[(int)((latencies.Count - 1) * share)].TotalMilliseconds;
    Console.WriteLine(
        $"  {what,-40} {latencies.Count / measured.TotalSeconds,8:N0} writes/s  p50 {At(0.5),6:F2} ms  p99 {At(0.99),6:F2} ms  max {At(1),7:F2} ms  {micros,5:F1} µs CPU per write in this process");
}

static GrainId Grain(int number) => GrainId.Create("device", Key(number));

static string Key(int number) => $"robot-{number:000000}";

/// <summary>300 bytes of JSON.</summary>
internal sealed record State(int Number, string Padding)
{
    private static readonly string Filler = new('x', 270);

    public static State Of(int number) => new(number, Filler);
}

/// <summary>300 bytes of JSON, and a row with three attributes.</summary>
internal sealed record Device(int Number, int Changes, Connectivity Connectivity, string? Gateway, DateTimeOffset LastSeenAt) : IDeviceIndexed
{
    private static readonly ModelName Model = Name<ModelName>("amr");
    private static readonly FirmwareVersion Firmware = Name<FirmwareVersion>("2.1.0");
    private static readonly ImmutableSortedDictionary<string, string>[] Sites =
    [
        .. Enumerable.Range(0, 200).Select(i =>
            ImmutableSortedDictionary<string, string>.Empty.Add("site", $"site-{i}").Add("tag.line", $"{i % 20}").Add("serial", $"{i:00000000}")),
    ];

    public string Padding { get; } = new('x', 150);

    public static Device New(int number) => new(number, 0, Connectivity.Connected, "gw-1", DateTimeOffset.UnixEpoch);

    public Device Changed() => this with { Changes = Changes + 1 };

    public Device Seen() => this with { LastSeenAt = LastSeenAt.AddSeconds(1) };

    public Device ComesOrGoes() => Connectivity is Connectivity.Connected
        ? this with { Connectivity = Connectivity.Disconnected, Gateway = null, LastSeenAt = LastSeenAt.AddSeconds(1) }
        : this with { Connectivity = Connectivity.Connected, Gateway = "gw-1", LastSeenAt = LastSeenAt.AddSeconds(1) };

    public DeviceRow? ToDeviceRow() =>
        new(Name<ThingName>($"robot-{Number:000000}"), Model, Firmware, true, Connectivity, Gateway, LastSeenAt, Sites[Number % Sites.Length]);

    private static T Name<T>(string text) where T : struct, IName<T> => T.TryParse(text, out var name) ? name : throw new ArgumentException(text);
}
