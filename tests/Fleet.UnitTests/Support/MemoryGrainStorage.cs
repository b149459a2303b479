using System.Collections.Concurrent;
using System.Text.Json;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.UnitTests.Support;

/// <summary>Grain records in memory, as JSON text so that nothing is shared with the grain, with ETags that count up.</summary>
internal sealed class MemoryGrainStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string State, GrainId Grain), (string Json, string ETag)> _records = new();
    private long _version;

    /// <summary>Thrown by the next operation, once.</summary>
    public Exception? NextFailure { get; set; }

    public int Count => _records.Count;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Run(() =>
    {
        bool exists = _records.TryGetValue((stateName, grainId), out var record);
        grainState.RecordExists = exists;
        grainState.ETag = record.ETag;
        grainState.State = exists ? JsonSerializer.Deserialize<T>(record.Json) : Activator.CreateInstance<T>();
    });

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Run(() =>
    {
        DemandETag(stateName, grainId, grainState.ETag);
        string etag = $"{Interlocked.Increment(ref _version)}";
        _records[(stateName, grainId)] = (JsonSerializer.Serialize(grainState.State), etag);
        grainState.ETag = etag;
        grainState.RecordExists = true;
    });

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Run(() =>
    {
        DemandETag(stateName, grainId, grainState.ETag);
        _records.TryRemove((stateName, grainId), out _);
        grainState.ETag = null;
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
    });

    private void DemandETag(string stateName, GrainId grainId, string? expected)
    {
        string? stored = _records.TryGetValue((stateName, grainId), out var record) ? record.ETag : null;
        if (stored != expected) throw new InconsistentStateException($"{grainId} was written by somebody else.", stored, expected);
    }

    private async Task Run(Action operation)
    {
        await Task.Yield();
        if (NextFailure is { } failure)
        {
            NextFailure = null;
            throw failure;
        }
        operation();
    }
}
