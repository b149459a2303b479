using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Grains;
using Fleet.Silo.Storage.Postgres;
using Orleans.Storage;

namespace Fleet.Silo.Storage.AdoNet;

/// <summary>As PostgreSQL, with grain states in the table of Orleans' own provider.</summary>
internal sealed class AdoNetDriver : PostgresDriver
{
    private const string States = "adonet";

    public override string Provider => StorageOptions.AdoNet;

    public override void AddGrainStores(ISiloBuilder silo)
    {
        base.AddGrainStores(silo);
        silo.AddAdoNetGrainStorage(States, table => table.Configure<OrleansConnections>(static (o, connections) =>
        {
            (o.Invariant, o.ConnectionString) = connections.ForStates;
            o.GrainStorageSerializer = new GrainStateSerializer();
        }));
        silo.Services.AddSingleton<IGrainStorage>(static s =>
            new IndexedGrainStorage(s.GetRequiredKeyedService<IGrainStorage>(States), s.GetRequiredService<IRecordStore>()));
    }
}

/// <summary>Grain states as JSON for Orleans' own storage provider: the same text as in Fleet's table.</summary>
internal sealed class GrainStateSerializer : IGrainStorageSerializer
{
    private static readonly JsonSerializerOptions Json = StoredJson.For(GrainStateJson.Options);

    public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(input!, TypeInfo<T>()));

    public T? Deserialize<T>(BinaryData input) => JsonSerializer.Deserialize(input.ToMemory().Span, TypeInfo<T>());

    private static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T));
}
