using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Queries over the tables <c>devices</c> and <c>device_attributes</c>.</summary>
internal sealed class PostgresFleetIndex(PostgresDatabase database) : IFleetIndex
{
    private const string Columns = "d.thing, d.model, d.firmware, d.healthy, d.connectivity, d.gateway, d.last_seen_at, d.attributes::text";

    public async Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation)
    {
        var sql = new FleetQuerySql(query);
        string text = $"SELECT {Columns} {sql.From} {sql.After(after)} ORDER BY {sql.Thing} LIMIT {limit}";
        return [.. await Query(text, sql.Values, ReadRow, cancellation)];
    }

    public async Task<long> Count(FleetQuery query, CancellationToken cancellation)
    {
        var sql = new FleetQuerySql(query);
        return (await Query($"SELECT COUNT(*) {sql.From}", sql.Values, row => row.GetInt64(0), cancellation))[0];
    }

    public async Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation)
    {
        var counts = Enum.GetValues<Connectivity>().ToImmutableDictionary(c => c, _ => 0L).ToBuilder();
        var rows = await Query(
            "SELECT connectivity, COUNT(*) FROM devices GROUP BY connectivity", [], row => (row.GetString(0), row.GetInt64(1)), cancellation);
        foreach (var (name, count) in rows) counts[ConnectivityNames.Parse(name)] = count;
        return counts.ToImmutable();
    }

    private async Task<List<T>> Query<T>(string sql, IReadOnlyList<object> values, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        await using var command = database.Source.CreateCommand(sql);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        List<T> results = [];
        while (await rows.ReadAsync(cancellation)) results.Add(read(rows));
        return results;
    }

    private static DeviceRow ReadRow(NpgsqlDataReader row) => new(
        IndexNames.Parse<ThingName>(row.GetString(0)),
        IndexNames.Parse<ModelName>(row.GetString(1)),
        row.IsDBNull(2) ? null : IndexNames.Parse<FirmwareVersion>(row.GetString(2)),
        row.IsDBNull(3) ? null : row.GetBoolean(3),
        ConnectivityNames.Parse(row.GetString(4)),
        row.IsDBNull(5) ? null : row.GetString(5),
        row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6),
        IndexRows.ReadAttributes(row.GetString(7)));
}
