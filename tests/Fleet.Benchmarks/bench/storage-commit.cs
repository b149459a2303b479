#:project ../../../silo/Fleet.Silo.csproj
#:property PublishAot=false
#:property AssemblyName=Fleet.Benchmarks
#:property ServerGarbageCollection=false
// What does group commit buy, and what does it cost a single writer? Grain states of 300 bytes, every acknowledged write fsynced.
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/storage-commit.cs [-- folder]
// The folder is the disk that is measured; the temporary folder if it is not given. In memory (tmpfs) there is no fsync to share.
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using Fleet.Silo.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;

const int Writers = 256;
var measured = TimeSpan.FromSeconds(5);
string folder = Directory.CreateDirectory(Path.Combine(args.Length > 0 ? args[0] : Path.GetTempPath(), $"fleet-bench-{Environment.ProcessId}")).FullName;
try
{
    for (int round = 0; round < 3; round++)
    {
        Report("fsync of 4 KiB appended, alone", Fsync(Path.Combine(folder, "plain")));
        Report("1 writer, a transaction of its own", Ungrouped(Path.Combine(folder, $"ungrouped-{round}.db")));
        Report("1 writer, group commit", await Grouped(Path.Combine(folder, $"one-{round}.db"), 1));
        Report($"{Writers} writers, group commit", await Grouped(Path.Combine(folder, $"many-{round}.db"), Writers));
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

// What the disk gives at best.
List<TimeSpan> Fsync(string file)
{
    using var handle = File.OpenHandle(file, FileMode.Create, FileAccess.Write);
    byte[] page = new byte[4096];
    long offset = 0;
    return Repeat(() =>
    {
        RandomAccess.Write(handle, page, offset += page.Length);
        RandomAccess.FlushToDisk(handle);
    });
}

// The same statements without queue and thread: what a store without group commit does.
List<TimeSpan> Ungrouped(string file)
{
    using var session = new SqliteDatabase(file, Options.Create(new StorageOptions()), TimeProvider.System).OpenWriter();
    string state = JsonSerializer.Serialize(State.Of(0));
    int n = 0;
    return Repeat(() =>
    {
        session.Execute("BEGIN IMMEDIATE");
        session.Execute("INSERT INTO grain_state (type, key, state, etag, updated_at) VALUES ($1, $2, $3, $4, $5)", "device", $"robot-{n++}", state, (long)n, "2026-07-01T12:00:00.0000000Z");
        session.Execute("COMMIT");
    });
}

// Each writer writes new devices, one after the other, as fast as they are acknowledged.
async Task<List<TimeSpan>> Grouped(string file, int writers)
{
    using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    var options = Options.Create(new StorageOptions());
    var database = new SqliteDatabase(file, options, TimeProvider.System);
    await using var writer = new GroupCommitWriter(
        database, options, new StorageHealth(TimeProvider.System), new StorageMetrics(services.GetRequiredService<IMeterFactory>()), NullLogger<GroupCommitWriter>.Instance);
    using var readers = new SqliteReaders(database);
    var json = new JsonSerializerOptions(JsonSerializerDefaults.Web);
    json.MakeReadOnly(populateMissingResolver: true);
    var storage = new SqliteGrainStorage(writer, readers, new ETagClock(TimeProvider.System), json, TimeProvider.System);
    var start = Stopwatch.GetTimestamp();
    var all = await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
    {
        List<TimeSpan> latencies = [];
        for (int i = 0; Stopwatch.GetElapsedTime(start) < measured; i++)
        {
            var before = Stopwatch.GetTimestamp();
            await storage.WriteStateAsync("device", GrainId.Create("device", $"robot-{w}-{i}"), new GrainState<State>(State.Of(i)));
            latencies.Add(Stopwatch.GetElapsedTime(before));
        }
        return latencies;
    })));
    return [.. all.SelectMany(latencies => latencies)];
}

List<TimeSpan> Repeat(Action action)
{
    List<TimeSpan> latencies = [];
    var start = Stopwatch.GetTimestamp();
    while (Stopwatch.GetElapsedTime(start) < measured)
    {
        var before = Stopwatch.GetTimestamp();
        action();
        latencies.Add(Stopwatch.GetElapsedTime(before));
    }
    return latencies;
}

void Report(string what, List<TimeSpan> latencies)
{
    latencies.Sort();
    double At(double share) => latencies[(int)((latencies.Count - 1) * share)].TotalMilliseconds;
    Console.WriteLine($"{what,-36} {latencies.Count / measured.TotalSeconds,8:N0} writes/s   p50 {At(0.5),6:F2} ms   p99 {At(0.99),6:F2} ms   max {At(1),7:F2} ms");
}

/// <summary>300 bytes of JSON.</summary>
internal sealed record State(int Number, string Padding)
{
    private static readonly string Filler = new('x', 270);

    public static State Of(int number) => new(number, Filler);
}
