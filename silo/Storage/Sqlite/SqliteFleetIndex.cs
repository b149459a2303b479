using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Microsoft.Data.Sqlite;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Queries over the tables <c>devices</c> and <c>device_attributes</c>.</summary>
internal sealed class SqliteFleetIndex(SqliteReaders readers) : IFleetIndex
{
    private const string Columns = "d.thing, d.model, d.firmware, d.healthy, d.connectivity, d.gateway, d.last_seen_at, d.attributes";

    public Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation)
    {
        var sql = new FleetQuerySql(query);
        string text = $"SELECT {Columns} {sql.From} {sql.After(after)} ORDER BY {sql.Thing} LIMIT {limit}";
        return readers.Scan(session => session.QueryOnce(text, sql.Values, ReadRow).ToImmutableArray(), cancellation);
    }

    public Task<long> Count(FleetQuery query, CancellationToken cancellation)
    {
        var sql = new FleetQuerySql(query);
        return readers.Scan(session => session.QueryOnce($"SELECT COUNT(*) {sql.From}", sql.Values, row => row.GetInt64(0))[0], cancellation);
    }

    public Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation) => readers.Scan(session =>
    {
        var counts = Enum.GetValues<Connectivity>().ToImmutableDictionary(c => c, _ => 0L).ToBuilder();
        using var rows = session.Query("SELECT connectivity, COUNT(*) FROM devices GROUP BY connectivity");
        while (rows.Read()) counts[ConnectivityNames.Parse(rows.GetString(0))] = rows.GetInt64(1);
        return counts.ToImmutable();
    }, cancellation);

    private static DeviceRow ReadRow(SqliteDataReader row) => new(
        IndexNames.Parse<ThingName>(row.GetString(0)),
        IndexNames.Parse<ModelName>(row.GetString(1)),
        row.IsDBNull(2) ? null : IndexNames.Parse<FirmwareVersion>(row.GetString(2)),
        row.IsDBNull(3) ? null : row.GetBoolean(3),
        ConnectivityNames.Parse(row.GetString(4)),
        row.IsDBNull(5) ? null : row.GetString(5),
        row.IsDBNull(6) ? null : SqlTime.Parse(row.GetString(6)),
        IndexRows.ReadAttributes(row.GetString(7)));
}
