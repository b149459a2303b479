using System.Diagnostics.Metrics;
using System.Text.Json;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.Grains.Index;
using Fleet.Grains.Rules;
using Fleet.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Storage;

/// <summary>A database of its own with everything that reads and writes it. The tests that both databases must pass see no more than this.</summary>
public abstract class TestDatabase : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();

    private protected TestDatabase(StorageOptions? options)
    {
        Options = options ?? new StorageOptions();
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters && instrument.Name == "fleet.storage.batch.size") listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((_, size, _, _) => { lock (Batches) Batches.Add(size); });
        _listener.Start();
        Monitor = new StorageMonitor(Health, new StorageMetrics(meters), NullLogger<StorageMonitor>.Instance);
    }

    public static JsonSerializerOptions Json { get; } = MakeJson();

    internal StorageOptions Options { get; }
    internal StorageHealth Health { get; } = new(TimeProvider.System);
    internal StorageMonitor Monitor { get; }
    internal GrainStorage Grains => field ??= new GrainStorage(Records, Json);
    internal abstract IRecordStore Records { get; }
    internal abstract IIndexTables Tables { get; }
    public IFleetIndex Index => field ??= new FleetIndex(Tables);
    public abstract ICatalog Catalog { get; }
    public abstract IRetainedStore Retained { get; }
    public abstract IRuleQueue RuleQueue { get; }
    public abstract IRuleStore Rules { get; }
    public abstract ISessionStore Sessions { get; }

    /// <summary>As another process has it, that has the database for itself too.</summary>
    public abstract ISessionStore NewSessionStore();

    /// <summary>Sizes of the transactions that were committed.</summary>
    public List<int> Batches { get; } = [];

    public abstract object? Scalar(string sql);

    /// <summary>A member of the JSON in a record's state, as SQL.</summary>
    public abstract string JsonMember(string name);

    /// <summary>Holds the writer between two transactions: what is written in the meantime shares the next one.</summary>
    public abstract Task<IAsyncDisposable> HoldWriter();

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

    public virtual async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _services.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private static JsonSerializerOptions MakeJson()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
