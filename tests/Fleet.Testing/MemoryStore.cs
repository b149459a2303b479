using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Grains;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing;

public enum StoreOperation { Read, Write, Clear }

/// <summary>
/// Records in memory, as the JSON that the service writes, with ETags that count up, and the fleet index that goes with them. It outlives
/// hosts. A test overrides <see cref="Run"/> to make it slow or unsound.
/// </summary>
public class MemoryStore : IGrainStorage, IFleetIndex
{
    private static readonly JsonSerializerOptions Json = new(GrainStateJson.Options)
    {
        TypeInfoResolver = JsonTypeInfoResolver.Combine(GrainStateJson.Options.TypeInfoResolver, new DefaultJsonTypeInfoResolver()),
    };

    private readonly Dictionary<(string Name, GrainId Grain), Record> _records = [];
    private readonly SortedDictionary<string, DeviceRow> _rows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _writes = [];
    private readonly bool _sharesStates;

    /// <param name="sharesStates">
    /// Readers get the very object that was written, which costs less: only for states that are immutable, and tests that are not about
    /// their JSON.
    /// </param>
    public MemoryStore(bool sharesStates = false) => _sharesStates = sharesStates;

    private MemoryStore(MemoryStore other)
    {
        lock (other._records) (_records, _rows) = (new(other._records), new(other._rows, StringComparer.Ordinal));
    }

    /// <summary>A write landed: the grain, what stood there before (null: nothing), what stands there now.</summary>
    public event Action<GrainId, object?, object>? Landed;

    /// <summary>Thrown by the next operation, once.</summary>
    public Exception? NextFailure { get; set; }

    public int RecordCount { get { lock (_records) return _records.Count; } }

    public int Writes { get { lock (_records) return _writes.Values.Sum(); } }

    /// <summary>What stands there now, for a store of its own.</summary>
    public MemoryStore Copy() => new(this);

    public int WritesOf(string stateName)
    {
        lock (_records) return _writes.GetValueOrDefault(stateName);
    }

    public int LargestBytes(string stateName)
    {
        lock (_records)
        {
            return _records.Where(record => record.Key.Name == stateName).Max(record => Encoding.UTF8.GetByteCount(record.Value.Text!));
        }
    }

    public T? Stored<T>(GrainId grain, string stateName) where T : class
    {
        lock (_records) return _records.GetValueOrDefault((stateName, grain))?.State as T;
    }

    public (GrainId Grain, T State)[] All<T>() where T : class
    {
        lock (_records)
        {
            return
            [
                .. _records.Where(record => record.Value.State is T).OrderBy(record => record.Key.Grain)
                    .Select(record => (record.Key.Grain, (T)record.Value.State)),
            ];
        }
    }

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        Record? record = null;
        await Run(StoreOperation.Read, stateName, grainId, () =>
        {
            lock (_records) record = _records.GetValueOrDefault((stateName, grainId));
        });
        grainState.RecordExists = record is not null;
        grainState.ETag = record?.ETag;
        grainState.State = record switch
        {
            null => Activator.CreateInstance<T>(),
            { Text: { } text } => JsonSerializer.Deserialize<T>(text, Json),
            _ => (T)record.State,
        };
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        // As the writer leaves it now: what it changes later is not in this write.
        var (state, expected) = (grainState.State!, grainState.ETag);
        string? text = _sharesStates ? null : JsonSerializer.Serialize(state, Json);
        string? etag = null;
        await Run(StoreOperation.Write, stateName, grainId, () => etag = Put((stateName, grainId), state, text, expected));
        grainState.ETag = etag;
        grainState.RecordExists = true;
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string? expected = grainState.ETag;
        await Run(StoreOperation.Clear, stateName, grainId, () =>
        {
            lock (_records)
            {
                Demand((stateName, grainId), expected);
                _records.Remove((stateName, grainId));
            }
        });
        (grainState.ETag, grainState.RecordExists, grainState.State) = (null, false, Activator.CreateInstance<T>());
    }

    public Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation)
    {
        lock (_records)
        {
            return Task.FromResult(_rows.Values
                .Where(row => string.CompareOrdinal(row.Thing.Value, after?.Value) > 0 && query.Finds(row)).Take(limit).ToImmutableArray());
        }
    }

    public Task<long> Count(FleetQuery query, CancellationToken cancellation)
    {
        lock (_records) return Task.FromResult(_rows.Values.LongCount(row => query.Finds(row)));
    }

    public Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation)
    {
        lock (_records)
        {
            return Task.FromResult(
                _rows.Values.GroupBy(row => row.Connectivity).ToImmutableDictionary(group => group.Key, group => group.LongCount()));
        }
    }

    /// <summary>Performs an operation, as late as it likes, or fails it, before or after it landed.</summary>
    protected virtual async Task Run(StoreOperation operation, string stateName, GrainId grain, Action perform)
    {
        await Task.Yield();
        if (NextFailure is { } failure)
        {
            NextFailure = null;
            throw failure;
        }
        perform();
    }

    private string Put((string Name, GrainId Grain) key, object state, string? text, string? expected)
    {
        object? before;
        string etag;
        lock (_records)
        {
            var there = Demand(key, expected);
            before = there?.State;
            etag = $"{long.Parse(there?.ETag ?? "0", null) + 1}";
            _records[key] = new(state, text, etag);
            _writes[key.Name] = _writes.GetValueOrDefault(key.Name) + 1;
            if (state is IDeviceIndexed indexed && indexed.ToDeviceRow() is { } row) _rows[row.Thing.Value] = row;
        }
        Landed?.Invoke(key.Grain, before, state);
        return etag;
    }

    private Record? Demand((string Name, GrainId Grain) key, string? expected)
    {
        var there = _records.GetValueOrDefault(key);
        if (there?.ETag != expected)
            throw new InconsistentStateException($"{key.Grain} was written by somebody else.", there?.ETag, expected);
        return there;
    }

    /// <param name="State">As the writer had it.</param>
    /// <param name="Text">The JSON that the next reader gets; null where states are shared.</param>
    private sealed record Record(object State, string? Text, string ETag);
}
