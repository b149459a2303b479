using System.Data.Common;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Storage;

/// <summary>Where the tables of the fleet index are.</summary>
internal interface IIndexTables
{
    IndexDialect Dialect { get; }

    Task<List<T>> Query<T>(string sql, IReadOnlyList<object> values, Func<DbDataReader, T> read, CancellationToken cancellation);
}

/// <summary>
/// Searches the fleet index. A database guesses how many rows a condition yields, and guesses badly for attributes; so the terms' sources are
/// counted first, up to a limit, and a search starts from the smallest: what finds few devices looks at few. Where all are large, a page reads
/// devices in their order until it is full, and a count goes over all of them once.
/// </summary>
internal sealed class FleetIndex(IIndexTables tables) : IFleetIndex
{
    private const string Columns = "d.thing, d.model, d.firmware, d.healthy, d.connectivity, d.gateway, d.last_seen_at, CAST(d.attributes AS TEXT)";

    /// <summary>Things of a source that a page sorts, at most: about 10 ms.</summary>
    private const int FewForPage = 5_000;

    /// <summary>Things of a source that a count looks up one by one, at most: more, and going over all devices is as fast.</summary>
    private const int FewForCount = 150_000;

    public async Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation)
    {
        var parameters = new SqlParameters();
        string sql;
        if (await Smallest(query.Filter, FewForPage, cancellation) is { } source)
        {
            sql = $"""
                WITH s AS MATERIALIZED (SELECT thing FROM ({source.Select(parameters)}) AS found WHERE thing > {parameters.Add(after?.Value ?? "")})
                SELECT {Columns} FROM s CROSS JOIN devices AS d
                WHERE d.thing = s.thing AND {Condition(query, parameters, few: true)} ORDER BY s.thing LIMIT {limit}
                """;
        }
        else if (FleetSourceSql.Of(query.Filter, tables.Dialect).FirstOrDefault(s => s.InOrder) is { } ordered)
        {
            sql = $"""
                SELECT {Columns} FROM ({ordered.Select(parameters)}) AS s CROSS JOIN devices AS d
                WHERE s.thing > {parameters.Add(after?.Value ?? "")} AND d.thing = s.thing AND {Condition(query, parameters, few: true)}
                ORDER BY s.thing LIMIT {limit}
                """;
        }
        else
        {
            sql = $"""
                SELECT {Columns} FROM devices AS d WHERE d.thing > {parameters.Add(after?.Value ?? "")} AND {Condition(query, parameters, few: true)}
                ORDER BY d.thing LIMIT {limit}
                """;
        }
        return [.. await tables.Query(sql, parameters.Values, ReadRow, cancellation)];
    }

    public Task<long> Count(FleetQuery query, CancellationToken cancellation) => Count(query.Filter, cancellation);

    public async Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation)
    {
        var counts = Enum.GetValues<Connectivity>().ToImmutableDictionary(c => c, _ => 0L).ToBuilder();
        var rows = await tables.Query(
            "SELECT connectivity, COUNT(*) FROM devices GROUP BY connectivity", [], row => (row.GetString(0), row.GetInt64(1)), cancellation);
        foreach (var (name, count) in rows) counts[ConnectivityNames.Parse(name)] = count;
        return counts.ToImmutable();
    }

    private async Task<long> Count(FleetExpression filter, CancellationToken cancellation)
    {
        // Those for which it does not hold are often the fewer, and it has an index more often.
        if (filter is FleetExpression.Not not)
            return await Count(FleetExpression.Everything, cancellation) - await Count(not.Inner, cancellation);
        var parameters = new SqlParameters();
        string sql;
        if (filter == FleetExpression.Everything)
        {
            sql = "SELECT COUNT(*) FROM devices";
        }
        else if (FleetSourceSql.Exact(filter, tables.Dialect) is { } exact)
        {
            sql = $"SELECT COUNT(*) FROM ({exact.Select(parameters)}) AS found";
        }
        else if (await Smallest(filter, FewForCount, cancellation) is { } source)
        {
            sql = $"""
                SELECT COUNT(*) FROM ({source.Select(parameters)}) AS s CROSS JOIN devices AS d
                WHERE d.thing = s.thing AND {Condition(new(filter), parameters, few: true)}
                """;
        }
        else
        {
            sql = $"SELECT COUNT(*) FROM devices AS d WHERE {Condition(new(filter), parameters, few: false)}";
        }
        return (await tables.Query(sql, parameters.Values, row => row.GetInt64(0), cancellation))[0];
    }

    /// <returns>The smallest source; null if none has at most so many things.</returns>
    private async Task<FleetSourceSql?> Smallest(FleetExpression filter, int limit, CancellationToken cancellation)
    {
        FleetSourceSql? smallest = null;
        long least = limit + 1;
        foreach (var source in FleetSourceSql.Of(filter, tables.Dialect))
        {
            var parameters = new SqlParameters();
            string sql = $"SELECT COUNT(*) FROM (SELECT 1 FROM ({source.Select(parameters)}) AS found LIMIT {least}) AS probed";
            long count = (await tables.Query(sql, parameters.Values, row => row.GetInt64(0), cancellation))[0];
            if (count < least) (smallest, least) = (source, count);
            // Fewer than a page need no better one.
            if (least < 100) break;
        }
        return smallest;
    }

    private string Condition(FleetQuery query, SqlParameters parameters, bool few) =>
        new FleetConditionSql(tables.Dialect, parameters, few).Of(query.Filter);

    private DeviceRow ReadRow(DbDataReader row) => new(
        IndexNames.Parse<ThingName>(row.GetString(0)),
        IndexNames.Parse<ModelName>(row.GetString(1)),
        row.IsDBNull(2) ? null : IndexNames.Parse<FirmwareVersion>(row.GetString(2)),
        row.IsDBNull(3) ? null : row.GetBoolean(3),
        ConnectivityNames.Parse(row.GetString(4)),
        row.IsDBNull(5) ? null : row.GetString(5),
        row.IsDBNull(6) ? null : tables.Dialect.ReadInstant(row, 6),
        IndexRows.ReadAttributes(row.GetString(7)));
}
