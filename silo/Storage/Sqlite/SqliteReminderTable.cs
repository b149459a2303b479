using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Fleet.Silo.Storage.Sqlite;

/// <summary>Reminders, in the table <c>reminders</c>.</summary>
internal sealed class SqliteReminderTable(GroupCommitWriter writer, SqliteReaders readers, ETagClock etags) : IReminderTable
{
    private const string Columns = "SELECT grain, name, start_at, period, etag FROM reminders";

    public Task<ReminderTableData> ReadRows(GrainId grainId) => Find($"{Columns} WHERE grain = $1", grainId.ToString());

    public Task<ReminderTableData> ReadRows(uint begin, uint end) => begin < end
        ? Find($"{Columns} WHERE hash > $1 AND hash <= $2", (long)begin, (long)end)
        : Find($"{Columns} WHERE hash > $1 OR hash <= $2", (long)begin, (long)end);

    public Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName) => Task.FromResult(readers.Read(session =>
    {
        using var rows = session.Query($"{Columns} WHERE grain = $1 AND name = $2", grainId.ToString(), reminderName);
        return rows.Read() ? Entry(rows) : null;
    }));

    public async Task<string?> UpsertRow(ReminderEntry entry)
    {
        var (grain, hash) = (entry.GrainId.ToString(), (long)entry.GrainId.GetUniformHashCode());
        var startAt = SqlTime.Format(new DateTimeOffset(DateTime.SpecifyKind(entry.StartAt, DateTimeKind.Utc)));
        var period = entry.Period.ToString("c", CultureInfo.InvariantCulture);
        long etag = await writer.Write(session =>
        {
            long next = etags.Next();
            session.Execute(
                """
                INSERT INTO reminders (grain, name, hash, start_at, period, etag) VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (grain, name) DO UPDATE SET start_at = $4, period = $5, etag = $6
                """,
                grain, entry.ReminderName, hash, startAt, period, next);
            return next;
        });
        return etag.ToString();
    }

    public Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag) => writer.Write(session =>
        session.Execute(
            "DELETE FROM reminders WHERE grain = $1 AND name = $2 AND etag = $3", grainId.ToString(), reminderName, long.Parse(eTag)) == 1);

    public Task TestOnlyClearTable() => writer.Write(session => session.Execute("DELETE FROM reminders"));

    private Task<ReminderTableData> Find(string sql, params object[] values) => readers.Scan(session =>
    {
        List<ReminderEntry> entries = [];
        using var rows = session.Query(sql, values);
        while (rows.Read()) entries.Add(Entry(rows));
        return new ReminderTableData(entries);
    }, CancellationToken.None);

    private static ReminderEntry Entry(SqliteDataReader row) => new()
    {
        GrainId = GrainId.Parse(row.GetString(0)),
        ReminderName = row.GetString(1),
        StartAt = SqlTime.Parse(row.GetString(2)).UtcDateTime,
        Period = TimeSpan.ParseExact(row.GetString(3), "c", CultureInfo.InvariantCulture),
        ETag = row.GetInt64(4).ToString(),
    };
}
