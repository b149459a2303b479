using System.Globalization;
using System.Text.RegularExpressions;

namespace Fleet.Grains.Index;

/// <summary>
/// Which attribute values count as numbers: decimal ones with at most 15 digits on each side of the point, such as <c>3</c>, <c>-0.5</c>
/// and <c>007</c>. PostgreSQL's part says the same (Postgres/PostgresIndexSql.cs).
/// </summary>
public static partial class AttributeNumber
{
    public static double? Of(string value) =>
        Decimal().IsMatch(value) ? double.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"^-?[0-9]{1,15}(\.[0-9]{1,15})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Decimal();
}
