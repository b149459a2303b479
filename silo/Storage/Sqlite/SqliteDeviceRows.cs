using Fleet.Grains.Index;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>
/// Makes a device's row in the fleet index agree with its record. Only the columns that differ are set: SQLite writes the entries of each
/// index whose columns a statement names, whether or not their values change.
/// </summary>
internal static class SqliteDeviceRows
{
    private const string InsertAttribute = "INSERT INTO device_attributes (thing, name, value, number) VALUES ($1, $2, $3, $4)";
    private const string DeleteAttributes = "DELETE FROM device_attributes WHERE thing = $1";
    private const string Delete = "DELETE FROM devices WHERE thing = $1";

    private static readonly string[] Columns =
        ["model", "firmware", "firmware_order", "healthy", "connectivity", "gateway", "last_seen_at", "attributes"];
    private static readonly int AttributesBit = 1 << (Columns.Length - 1);

    private static readonly string Select = $"SELECT {string.Join(", ", Columns)} FROM devices WHERE thing = ?1";
    private static readonly string Insert =
        $"INSERT INTO devices (thing, {string.Join(", ", Columns)}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

    /// <summary>By the columns that they set, a bit each.</summary>
    private static readonly string?[] Updates = new string?[1 << Columns.Length];

    public static void Put(SqliteSession session, string thing, IndexRows rows)
    {
        if (rows.Device is not { } row)
        {
            session.Execute(DeleteAttributes, thing);
            session.Execute(Delete, thing);
            return;
        }
        string?[] values =
        [
            row.Model.Value, row.Firmware?.Value, row.Firmware is { } version ? FirmwareOrder.Of(version) : null,
            row.Healthy is { } healthy ? healthy ? "1" : "0" : null, ConnectivityNames.Of(row.Connectivity), row.Gateway,
            SqlTime.Format(row.LastSeenAt), rows.Attributes,
        ];
        var differing = Differing(session, thing, values);
        if (differing is 0) return;
        Write(session.Statement(differing is { } columns ? Update(columns) : Insert), thing, values, differing ?? ~0);
        if (differing is { } changed && (changed & AttributesBit) == 0) return;
        session.Execute(DeleteAttributes, thing);
        foreach (var (name, value) in row.Attributes)
            session.Execute(InsertAttribute, thing, name, value, AttributeNumber.Of(value));
    }

    /// <returns>Null if the device has no row.</returns>
    private static int? Differing(SqliteSession session, string thing, ReadOnlySpan<string?> values)
    {
        var select = session.Statement(Select);
        try
        {
            select.Bind(1, thing);
            if (!select.Step()) return null;
            int differing = 0;
            for (int i = 0; i < values.Length; i++)
            {
                if (!select.Holds(i, values[i])) differing |= 1 << i;
            }
            return differing;
        }
        finally
        {
            select.Reset();
        }
    }

    private static string Update(int columns) => Updates[columns] ??=
        $"UPDATE devices SET {string.Join(", ", Columns.Where((_, i) => Sets(columns, i)).Select((name, i) => $"{name} = ?{i + 2}"))} "
        + "WHERE thing = ?1";

    private static void Write(SqliteStatement statement, string thing, ReadOnlySpan<string?> values, int columns)
    {
        statement.Bind(1, thing);
        int parameter = 2;
        for (int i = 0; i < values.Length; i++)
        {
            if (!Sets(columns, i)) continue;
            if (values[i] is { } value) statement.Bind(parameter++, value);
            else statement.BindNull(parameter++);
        }
        statement.Execute();
    }

    private static bool Sets(int columns, int column) => (columns & (1 << column)) != 0;
}
