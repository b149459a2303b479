using System.Text;
using Fleet.Grains.Index;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Storage;

/// <summary>
/// A fleet query as SQL. Terms on attributes join <c>device_attributes</c>, whose key (name, value, thing) yields the things in order; so a
/// page costs what it holds, and not what the fleet holds. Values are parameters, never text.
/// </summary>
internal sealed class FleetQuerySql
{
    private readonly List<object> _values = [];
    private readonly List<string> _conditions = [];

    public FleetQuerySql(FleetQuery query)
    {
        var joins = new StringBuilder();
        foreach (var (field, value) in query.Terms)
        {
            switch (field)
            {
                case "thing" or "model" or "firmware" or "connectivity":
                    _conditions.Add($"d.{field} = {Parameter(value)}");
                    break;
                default:
                    string alias = $"a{_values.Count}";
                    joins.Append($" JOIN device_attributes {alias} ON {alias}.thing = d.thing");
                    _conditions.Add($"{alias}.name = {Parameter(field)} AND {alias}.value = {Parameter(value)}");
                    Thing = $"{alias}.thing";
                    break;
            }
        }
        From = $"FROM devices d{joins} {Where(_conditions)}";
    }

    /// <summary>FROM with its joins, and WHERE.</summary>
    public string From { get; }

    /// <summary>The thing name's column, from the table whose order serves best.</summary>
    public string Thing { get; } = "d.thing";

    public IReadOnlyList<object> Values => _values;

    /// <summary>The condition that begins the page after a thing; empty for the first page.</summary>
    public string After(ThingName? after) => after is { } thing ? $"{(_conditions.Count == 0 ? "WHERE" : "AND")} {Thing} > {Parameter(thing.Value)}" : "";

    private static string Where(List<string> conditions) => conditions.Count == 0 ? "" : $"WHERE {string.Join(" AND ", conditions)}";

    private string Parameter(string value)
    {
        _values.Add(value);
        return $"${_values.Count}";
    }
}
