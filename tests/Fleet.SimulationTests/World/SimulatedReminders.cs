namespace Fleet.SimulationTests.World;

/// <summary>Reminders that outlive processes, in an order that is always the same.</summary>
internal sealed class SimulatedReminders : IReminderTable
{
    private readonly SortedDictionary<(GrainId Grain, string Name), ReminderEntry> _rows = [];
    private long _version;

    public IEnumerable<string> Names => _rows.Keys.Select(key => $"{key.Grain} {key.Name}");

    public Task<ReminderTableData> ReadRows(GrainId grainId) =>
        Task.FromResult(new ReminderTableData(_rows.Where(row => row.Key.Grain == grainId).Select(row => Copy(row.Value))));

    public Task<ReminderTableData> ReadRows(uint begin, uint end) => begin == end
        ? Task.FromResult(new ReminderTableData(_rows.Values.Select(Copy)))
        : throw new NotSupportedException("One process has the whole ring.");

    public Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName) =>
        Task.FromResult(_rows.TryGetValue((grainId, reminderName), out var row) ? Copy(row) : null);

    public Task<string?> UpsertRow(ReminderEntry entry)
    {
        var row = Copy(entry);
        row.ETag = $"{++_version}";
        _rows[(row.GrainId, row.ReminderName)] = row;
        return Task.FromResult<string?>(row.ETag);
    }

    public Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag) => Task.FromResult(
        _rows.TryGetValue((grainId, reminderName), out var row) && row.ETag == eTag && _rows.Remove((grainId, reminderName)));

    public Task TestOnlyClearTable() => throw new NotSupportedException();

    private static ReminderEntry Copy(ReminderEntry row) => new()
    {
        GrainId = row.GrainId,
        ReminderName = row.ReminderName,
        StartAt = row.StartAt,
        Period = row.Period,
        ETag = row.ETag,
    };
}
