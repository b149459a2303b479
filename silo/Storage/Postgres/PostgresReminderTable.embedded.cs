using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>Reminders of the embedded engine, in the table that Orleans keeps its own in: whichever engine has the database finds them.</summary>
internal sealed class PostgresReminderTable(PostgresDatabase database) : IReminderTable
{
    private const string Columns = "SELECT GrainId, ReminderName, StartTime, Period, Version FROM OrleansRemindersTable WHERE ServiceId = $1";
    private const string Upsert = """
        INSERT INTO OrleansRemindersTable AS r (ServiceId, GrainId, ReminderName, StartTime, Period, GrainHash, Version)
        VALUES ($1, $2, $3, $4, $5, $6, 0)
        ON CONFLICT (ServiceId, GrainId, ReminderName) DO UPDATE SET
            StartTime = EXCLUDED.StartTime, Period = EXCLUDED.Period, GrainHash = EXCLUDED.GrainHash, Version = r.Version + 1
        RETURNING Version
        """;
    private const string Delete = "DELETE FROM OrleansRemindersTable WHERE ServiceId = $1 AND GrainId = $2 AND ReminderName = $3 AND Version = $4";

    public async Task<ReminderTableData> ReadRows(GrainId grainId) => new(await Find($"{Columns} AND GrainId = $2", grainId.ToString()));

    // Hashes are stored as signed: the range that wraps is the one whose ends are not in order as signed numbers.
    public async Task<ReminderTableData> ReadRows(uint begin, uint end) => new(await Find(
        $"{Columns} AND (GrainHash > $2 {((int)begin < (int)end ? "AND" : "OR")} GrainHash <= $3)", (int)begin, (int)end));

    public async Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName) =>
        (await Find($"{Columns} AND GrainId = $2 AND ReminderName = $3", grainId.ToString(), reminderName)).SingleOrDefault();

    public async Task<string?> UpsertRow(ReminderEntry entry)
    {
        await using var command = Command(
            Upsert, entry.GrainId.ToString(), entry.ReminderName, DateTime.SpecifyKind(entry.StartAt, DateTimeKind.Utc),
            (long)entry.Period.TotalMilliseconds, (int)entry.GrainId.GetUniformHashCode());
        return await Run(async () => ((int)(await command.ExecuteScalarAsync())!).ToString());
    }

    public async Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag)
    {
        await using var command = Command(Delete, grainId.ToString(), reminderName, int.Parse(eTag));
        return await Run(async () => await command.ExecuteNonQueryAsync() == 1);
    }

    public async Task TestOnlyClearTable()
    {
        await using var command = Command("DELETE FROM OrleansRemindersTable WHERE ServiceId = $1");
        await Run(() => command.ExecuteNonQueryAsync());
    }

    private Task<List<ReminderEntry>> Find(string sql, params object[] values) => Run(async () =>
    {
        await using var command = Command(sql, values);
        await using var rows = await command.ExecuteReaderAsync();
        List<ReminderEntry> entries = [];
        while (await rows.ReadAsync()) entries.Add(Entry(rows));
        return entries;
    });

    private NpgsqlCommand Command(string sql, params object[] values)
    {
        var command = database.Source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter { Value = EngineStorage.ServiceId });
        foreach (object value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    private static async Task<T> Run<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            throw new StorageException($"The reminder table did not answer: {e.Message}", e);
        }
    }

    private static ReminderEntry Entry(NpgsqlDataReader row) => new()
    {
        GrainId = GrainId.Parse(row.GetString(0)),
        ReminderName = row.GetString(1),
        StartAt = row.GetDateTime(2),
        Period = TimeSpan.FromMilliseconds(row.GetInt64(3)),
        ETag = row.GetInt32(4).ToString(),
    };
}
