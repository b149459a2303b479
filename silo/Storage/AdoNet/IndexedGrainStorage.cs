using System.Data.Common;
using System.Net.Sockets;
using Orleans.Storage;

namespace Fleet.Silo.Storage.AdoNet;

/// <summary>
/// Grain states in Orleans' own table, with the fleet index and the catalog kept beside them in Fleet's. The index follows in a transaction
/// of its own, after the state: a crash in between leaves a row as it was until the grain writes again.
/// </summary>
/// <param name="states">Orleans' provider.</param>
/// <param name="index">Holds an empty record for each state that has rows, under a type that no grain has.</param>
internal sealed class IndexedGrainStorage(IGrainStorage states, IRecordStore index) : IGrainStorage
{
    private const string Prefix = "index-of:";

    private static readonly byte[] Empty = "{}"u8.ToArray();

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        Named(states.ReadStateAsync(stateName, grainId, grainState));

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await Named(states.WriteStateAsync(stateName, grainId, grainState));
        await Put(grainId, Empty, IndexRows.Of(grainState.State));
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await Named(states.ClearStateAsync(stateName, grainId, grainState));
        await Put(grainId, null, IndexRows.None<T>());
    }

    /// <summary>A database that is gone has one name here, whoever meets it.</summary>
    private static async Task Named(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception e) when (e is DbException or TimeoutException or SocketException or IOException)
        {
            throw new StorageException($"The database did not answer: {e.Message}", e);
        }
    }

    private async Task Put(GrainId grain, byte[]? record, IndexRows rows)
    {
        if (!rows.IsDevice && !rows.IsCatalogued) return;
        string type = $"{Prefix}{grain.Type}", key = grain.Key.ToString()!;
        long? etag = (await index.Read(type, key))?.ETag;
        // A grain is nearly always activated once; where two are for a moment, the later word stands.
        while (await index.Write(
            new RecordWrite(type, key, record, etag, rows), CancellationToken.None) is { Refused: true, StoredETag: var stored })
            etag = stored;
    }
}
