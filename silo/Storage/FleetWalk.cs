using System.Data.Common;
using Fleet.Grains.Index;

namespace Fleet.Silo.Storage;

/// <summary>
/// Goes over the things of one source in the order of their names, some at a time, and collects those that the query finds.
/// </summary>
/// <param name="source">It has <see cref="FleetSourceSql.Ordered"/>.</param>
/// <param name="after">The name before the first.</param>
/// <param name="select">
/// Completes <c>FROM … WHERE …</c> to a query: devices are <c>d</c>, their things <c>s.thing</c>.
/// </param>
internal sealed class FleetWalk(FleetSourceSql source, string after, Func<string, SqlParameters, string> select)
{
    private string _after = after;

    public List<DeviceRow> Found { get; } = [];

    /// <summary>Goes on by so many things.</summary>
    /// <returns>Whether that was all there is to find, or there are <paramref name="limit"/> of them.</returns>
    public async Task<bool> Advance(
        IIndexTables tables, int things, int limit, Func<DbDataReader, DeviceRow> read, CancellationToken cancellation)
    {
        var parameters = new SqlParameters();
        string sql = $"SELECT thing FROM ({Things(parameters, null, things)}) AS found ORDER BY thing LIMIT 1 OFFSET {things - 1}";
        string? last = (await tables.Query(sql, parameters.Values, row => row.GetString(0), cancellation)).FirstOrDefault();

        parameters = new SqlParameters();
        sql = select($"FROM ({Things(parameters, last, null)}) AS s CROSS JOIN devices AS d WHERE d.thing = s.thing", parameters);
        sql += $" ORDER BY s.thing LIMIT {limit - Found.Count}";
        Found.AddRange(await tables.Query(sql, parameters.Values, read, cancellation));
        if (last is null || Found.Count == limit) return true;
        _after = last;
        return false;
    }

    private string Things(SqlParameters parameters, string? last, int? limit)
    {
        string from = parameters.Add(_after);
        string range = last is null ? $"thing > {from}" : $"thing > {from} AND thing <= {parameters.Add(last)}";
        string end = limit is { } most ? $" ORDER BY thing LIMIT {most}" : "";
        // A limit inside a union stands in a query of its own.
        return string.Join(" UNION ", source.Ordered.Select(branch =>
            $"SELECT thing FROM (SELECT thing FROM ({branch(parameters)}) AS b WHERE {range}{end}) AS c"));
    }
}
