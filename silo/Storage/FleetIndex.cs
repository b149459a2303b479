using System.Data.Common;
using System.Diagnostics;
using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Storage;

/// <summary>
/// Searches the fleet index. A database guesses how many rows a condition yields, and guesses badly for attributes; so the terms' sources
/// are counted first, up to a limit, and a search starts from the smallest: what finds few devices looks at few. Where all are large, a
/// page reads devices in their order until it is full, and a count goes over all of them once.
/// </summary>
/// <param name="limits">Sizes at which another way is taken; null: those that were measured.</param>
internal sealed class FleetIndex(IIndexTables tables, FleetIndexLimits? limits = null) : IFleetIndex
{
    private const string Columns =
        "d.thing, d.model, d.firmware, d.healthy, d.connectivity, d.gateway, d.last_seen_at, CAST(d.attributes AS TEXT)";

    private readonly FleetIndexLimits _limits = limits ?? tables.Dialect.Limits;

    public async Task<ImmutableArray<DeviceRow>> Find(FleetQuery query, ThingName? after, int limit, CancellationToken cancellation)
    {
        var smallest = await Smallest(query.Filter, _limits.FewForPage, cancellation);
        if (smallest is not { Ordered.IsEmpty: true })
        {
            var walks = Walks(smallest is null ? FleetSourceSql.Of(query.Filter, tables.Dialect) : [smallest], query, after);
            if (walks.Count > 0) return await FirstToFill(walks, limit, cancellation);
        }
        var parameters = new SqlParameters();
        string sql = smallest is { } source
            ? $"""
                WITH s AS MATERIALIZED (SELECT thing FROM ({source.Select(parameters)}) AS found
                    WHERE thing > {parameters.Add(after?.Value ?? "")})
                SELECT {Columns} FROM s CROSS JOIN devices AS d
                WHERE d.thing = s.thing AND {Condition(query, parameters, few: true)} ORDER BY s.thing LIMIT {limit}
                """
            : $"""
                SELECT {Columns} FROM devices AS d WHERE d.thing > {parameters.Add(after?.Value ?? "")}
                    AND {Condition(query, parameters, few: true)}
                ORDER BY d.thing LIMIT {limit}
                """;
        return [.. await tables.Query(sql, parameters.Values, ReadRow, cancellation)];
    }

    public Task<long> Count(FleetQuery query, CancellationToken cancellation) => Count(query.Filter, cancellation);

    public async Task<ImmutableDictionary<Connectivity, long>> CountByConnectivity(CancellationToken cancellation)
    {
        var counts = Enum.GetValues<Connectivity>().ToImmutableDictionary(c => c, _ => 0L).ToBuilder();
        var rows = await tables.Query(
            "SELECT connectivity, COUNT(*) FROM devices GROUP BY connectivity",
            [], row => (row.GetString(0), row.GetInt64(1)), cancellation);
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
        else if (await Smallest(filter, _limits.FewForCount, cancellation) is { } source)
        {
            sql = $"""
                SELECT COUNT(*) FROM ({source.Select(parameters)}) AS s CROSS JOIN devices AS d
                WHERE d.thing = s.thing AND {Condition(new(filter), parameters, few: true)}
                """;
        }
        else if (await ButFew(filter, cancellation) is { } but)
        {
            // All of the rest, without the few of them that "not" takes away.
            return await Count(but.All, cancellation) - await Count(new FleetExpression.And([but.All, but.Few]), cancellation);
        }
        else
        {
            sql = $"SELECT COUNT(*) FROM devices AS d WHERE {Condition(new(filter), parameters, few: false)}";
        }
        return (await tables.Query(sql, parameters.Values, row => row.GetInt64(0), cancellation))[0];
    }

    /// <returns>The expression as "rest, but few", if it is an "and" with a "not" of things that can be looked up one by one.</returns>
    private async Task<(FleetExpression All, FleetExpression Few)?> ButFew(FleetExpression filter, CancellationToken cancellation)
    {
        if (filter is not FleetExpression.And { Parts: var parts } || parts.OfType<FleetExpression.Not>().ToList() is not [var not])
            return null;
        if (FleetSourceSql.Exact(not.Inner, tables.Dialect) is not { } source) return null;
        if (await CountRoughly(source, _limits.FewForCount + 1, cancellation) > _limits.FewForCount) return null;
        var rest = parts.Remove(not);
        return (rest.Length == 1 ? rest[0] : new FleetExpression.And(rest), not.Inner);
    }

    /// <returns>The smallest source; null if none has at most so many things.</returns>
    private async Task<FleetSourceSql?> Smallest(FleetExpression filter, int limit, CancellationToken cancellation)
    {
        FleetSourceSql? smallest = null;
        long least = limit + 1;
        foreach (var source in FleetSourceSql.Of(filter, tables.Dialect))
        {
            long count = await CountRoughly(source, least, cancellation);
            if (count < least) (smallest, least) = (source, count);
            // Fewer than a page need no better one.
            if (least < 100) break;
        }
        return smallest;
    }

    private List<FleetWalk> Walks(IEnumerable<FleetSourceSql> sources, FleetQuery query, ThingName? after) =>
    [
        .. from source in sources
           where !source.Ordered.IsEmpty
           select new FleetWalk(
               source, after?.Value ?? "", (sql, parameters) => $"SELECT {Columns} {sql} AND {Condition(query, parameters, few: true)}"),
    ];

    /// <summary>
    /// All find the same devices in the same order, and nobody knows which has the fewest in vain before them: so each in turn goes on by
    /// some things, then by more, until one has the page.
    /// </summary>
    private async Task<ImmutableArray<DeviceRow>> FirstToFill(List<FleetWalk> walks, int limit, CancellationToken cancellation)
    {
        for (int things = _limits.FirstSteps; ; things *= 4)
        {
            foreach (var walk in walks)
            {
                if (await walk.Advance(tables, things, limit, ReadRow, cancellation)) return [.. walk.Found];
            }
        }
    }

    /// <returns>At most <paramref name="limit"/>.</returns>
    private async Task<long> CountRoughly(FleetSourceSql source, long limit, CancellationToken cancellation)
    {
        var parameters = new SqlParameters();
        string sql = $"SELECT COUNT(*) FROM (SELECT 1 FROM ({source.SelectRoughly(parameters)}) AS found LIMIT {limit}) AS probed";
        return (await tables.Query(sql, parameters.Values, row => row.GetInt64(0), cancellation))[0];
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

/// <param name="FewForPage">Things of a source that a page sorts, at most: about 10 ms.</param>
/// <param name="FewForCount">
/// Things of a source that a count looks up one by one, at most: more, and going over all devices is as fast.
/// </param>
/// <param name="FirstSteps">Things of a source in order that a page goes over at first.</param>
internal sealed record FleetIndexLimits(int FewForPage, int FewForCount, int FirstSteps = 1_000);

/// <summary>Names as they come out of the fleet index, into which nothing but names went.</summary>
internal static class IndexNames
{
    public static T Parse<T>(string text) where T : struct, IName<T> =>
        T.TryParse(text, out var name)
            ? name : throw new UnreachableException($"The fleet index holds '{text}', which is no {typeof(T).Name}.");
}
