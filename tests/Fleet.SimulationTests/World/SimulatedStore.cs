using System.Text.Json;
using Fleet.Grains;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.SimulationTests.Kernel;
using Orleans.Storage;

namespace Fleet.SimulationTests.World;

/// <summary>The disk: records with ETags and the fleet index, slow, and failing before or after a write is there. It outlives processes.</summary>
internal sealed class SimulatedStore(SimulatedWorld world, Random random)
{
    private readonly Dictionary<(string State, GrainId Grain), Record> _records = [];
    private readonly SortedDictionary<string, DeviceRow> _rows = new(StringComparer.Ordinal);

    /// <summary>What was stored, and what stood there before (null: nothing).</summary>
    public event Action<GrainId, object?, object>? Landed;

    public T? Stored<T>(GrainId grain, string state) where T : class => _records.GetValueOrDefault((state, grain))?.State as T;

    public IEnumerable<(GrainId Grain, T State)> All<T>() where T : class =>
        _records.Where(r => r.Value.State is T).OrderBy(r => r.Key.Grain).Select(r => (r.Key.Grain, (T)r.Value.State));

    /// <summary>The store as one process sees it: what the process had under way when it was killed lands or does not.</summary>
    public sealed class Connection(SimulatedStore store, SeededTurns.Process process) : IGrainStorage, IFleetIndex
    {
        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => store.Do(process, () =>
        {
            if (store._random.Chance(store.World.Faults.ReadFails)) throw Failure(stateName, grainId, "read");
            var record = store._records.GetValueOrDefault((stateName, grainId));
            grainState.RecordExists = record is not null;
            grainState.ETag = record is null ? null : $"{record.ETag}";
            grainState.State = record is null ? default : record.Text is { } text ? JsonSerializer.Deserialize<T>(text, GrainStateJson.Options) : (T)record.State;
        });

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            // As the writer leaves it now: what it changes later is not in this write.
            object state = grainState.State!;
            string? text = store.World.Settings.StoresText ? JsonSerializer.Serialize((T)state, GrainStateJson.Options) : null;
            string? expected = grainState.ETag;
            return store.Do(process, () =>
            {
                if (store._random.Chance(store.World.Faults.WriteFails)) throw Failure(stateName, grainId, "write");
                string etag = store.Put(stateName, grainId, new(state, text, 0), expected);
                if (store._random.Chance(store.World.Faults.WriteFailsAfterItLanded)) throw Failure(stateName, grainId, "write (it landed)");
                grainState.ETag = etag;
                grainState.RecordExists = true;
            });
        }

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();

        public Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation) => Task.FromResult(
            store._rows.Where(row => string.CompareOrdinal(row.Key, after?.Value) > 0 && query.Finds(row.Value)).Take(limit).Select(row => row.Value).ToImmutableArray());

        public Task<long> Count(FleetQuery query, CancellationToken cancellation) => Task.FromResult((long)store._rows.Count);

        public Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation) => throw new NotSupportedException();

        private IOException Failure(string stateName, GrainId grainId, string what)
        {
            store.World.History.Add("disk", $"{what} of {stateName} {grainId.Key} fails");
            return new IOException($"The simulated disk fails: {what}.");
        }
    }

    private SimulatedWorld World => world;
    private readonly Random _random = random;

    private Task Do(SeededTurns.Process process, Action operation)
    {
        int slowest = world.Faults.StorageMilliseconds;
        if (slowest == 0)
        {
            try { operation(); }
            catch (Exception e) { return Task.FromException(e); }
            return Task.CompletedTask;
        }
        var done = new TaskCompletionSource();
        world.Outside.After(TimeSpan.FromMilliseconds(_random.Next(slowest + 1)), () =>
        {
            // The process is gone: what it had sent reached the disk, or did not.
            if (process.IsDead && _random.Next(2) == 0) return;
            try { operation(); }
            catch (Exception e)
            {
                done.SetException(e);
                return;
            }
            done.SetResult();
        });
        return done.Task;
    }

    private string Put(string stateName, GrainId grain, Record next, string? expected)
    {
        var key = (stateName, grain);
        var there = _records.GetValueOrDefault(key);
        string? stored = there is null ? null : $"{there.ETag}";
        if (stored != expected) throw new InconsistentStateException($"{grain} was written by somebody else.", stored, expected);
        next = next with { ETag = (there?.ETag ?? 0) + 1 };
        _records[key] = next;
        if (next.State is IDeviceIndexed indexed && indexed.ToDeviceRow() is { } row) _rows[row.Thing.Value] = row;
        Landed?.Invoke(grain, there?.State, next.State);
        return $"{next.ETag}";
    }

    /// <param name="State">As the writer had it: grain states are immutable.</param>
    /// <param name="Text">The JSON that the next reader gets; null where the simulation is about speed and hands out the state itself.</param>
    private sealed record Record(object State, string? Text, long ETag);
}
