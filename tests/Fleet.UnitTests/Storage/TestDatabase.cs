using System.Diagnostics.Metrics;
using System.Text.Json;
using Fleet.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Runtime;

namespace Fleet.UnitTests.Storage;

/// <summary>A database of its own in a temporary folder, with everything that reads and writes it.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();
    private readonly bool _ownsFolder;

    public TestDatabase(string? folder = null, StorageOptions? options = null)
    {
        _ownsFolder = folder is null;
        Folder = folder ?? Directory.CreateTempSubdirectory("fleet-storage-").FullName;
        Options = options ?? new StorageOptions();
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters && instrument.Name == "fleet.storage.batch.size") listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((_, size, _, _) => { lock (Batches) Batches.Add(size); });
        _listener.Start();

        var wrapped = Microsoft.Extensions.Options.Options.Create(Options);
        var database = new SqliteDatabase(File, wrapped, TimeProvider.System);
        Health = new StorageHealth(TimeProvider.System);
        Writer = new GroupCommitWriter(database, wrapped, Health, new StorageMetrics(meters), NullLogger<GroupCommitWriter>.Instance);
        Readers = new SqliteReaders(database);
        var etags = new ETagClock(TimeProvider.System);
        Grains = new SqliteGrainStorage(Writer, Readers, etags, Json, TimeProvider.System);
        Reminders = new SqliteReminderTable(Writer, Readers, etags);
        Index = new SqliteFleetIndex(Readers);
        Catalog = new SqliteCatalog(Readers);
        Retained = new SqliteRetainedStore(Writer, Readers);
    }

    public static JsonSerializerOptions Json { get; } = MakeJson();

    public string Folder { get; }
    public string File => Path.Combine(Folder, "fleet.db");
    public StorageOptions Options { get; }
    public StorageHealth Health { get; }
    public GroupCommitWriter Writer { get; }
    public SqliteReaders Readers { get; }
    public SqliteGrainStorage Grains { get; }
    public SqliteReminderTable Reminders { get; }
    public SqliteFleetIndex Index { get; }
    public SqliteCatalog Catalog { get; }
    public SqliteRetainedStore Retained { get; }

    /// <summary>Sizes of the transactions that were committed.</summary>
    public List<int> Batches { get; } = [];

    public async Task<Orleans.GrainState<T>> Write<T>(string type, string key, T state, string? etag = null)
    {
        var record = new Orleans.GrainState<T>(state, etag);
        await Grains.WriteStateAsync(type, GrainId.Create(type, key), record);
        return record;
    }

    public async Task<Orleans.GrainState<T>> Read<T>(string type, string key)
    {
        var record = new Orleans.GrainState<T>();
        await Grains.ReadStateAsync(type, GrainId.Create(type, key), record);
        return record;
    }

    public object? Scalar(string sql) => Readers.Read(session => session.Scalar(sql));

    /// <summary>Holds the writer between two transactions: what is written in the meantime shares the next one.</summary>
    public async Task<IDisposable> HoldWriter()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var hold = new ManualResetEventSlim();
        _ = Writer.Write(_ =>
        {
            held.TrySetResult();
            hold.Wait();
            return 0;
        });
        await held.Task;
        return new Release(hold);
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        Readers.Dispose();
        _listener.Dispose();
        await _services.DisposeAsync();
        if (_ownsFolder) Directory.Delete(Folder, recursive: true);
    }

    private static JsonSerializerOptions MakeJson()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private sealed class Release(ManualResetEventSlim hold) : IDisposable
    {
        public void Dispose() => hold.Set();
    }
}
