using Orleans;
using Orleans.Runtime;

namespace Fleet.Testing;

/// <summary>Reminders that outlive hosts, in an order that is always the same.</summary>
public sealed class MemoryReminderTable : IReminderTable
{
    private readonly SortedDictionary<(GrainId Grain, string Name), ReminderEntry> _rows = [];
    private long _version;

    /// <summary>Grain and name of each.</summary>
    public IReadOnlyList<string> Names
    {
        get { lock (_rows) return [.. _rows.Keys.Select(key => $"{key.Grain} {key.Name}")]; }
    }

    public Task<ReminderTableData> ReadRows(GrainId grainId) => Where(row => row.GrainId == grainId);

    public Task<ReminderTableData> ReadRows(uint begin, uint end) => Where(row =>
    {
        uint hash = row.GrainId.GetUniformHashCode();
        return begin < end ? hash > begin && hash <= end : hash > begin || hash <= end;
    });

    public Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName)
    {
        lock (_rows) return Task.FromResult(_rows.TryGetValue((grainId, reminderName), out var row) ? Copy(row) : null);
    }

    public Task<string?> UpsertRow(ReminderEntry entry)
    {
        var row = Copy(entry);
        lock (_rows)
        {
            row.ETag = $"{++_version}";
            _rows[(row.GrainId, row.ReminderName)] = row;
        }
        return Task.FromResult<string?>(row.ETag);
    }

    public Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag)
    {
        var key = (grainId, reminderName);
        lock (_rows) return Task.FromResult(_rows.TryGetValue(key, out var row) && row.ETag == eTag && _rows.Remove(key));
    }

    public Task TestOnlyClearTable() => throw new NotSupportedException();

    private Task<ReminderTableData> Where(Func<ReminderEntry, bool> wanted)
    {
        lock (_rows) return Task.FromResult(new ReminderTableData(_rows.Values.Where(wanted).Select(Copy).ToArray()));
    }

    private static ReminderEntry Copy(ReminderEntry row) => new()
    {
        GrainId = row.GrainId,
        ReminderName = row.ReminderName,
        StartAt = row.StartAt,
        Period = row.Period,
        ETag = row.ETag,
    };
}
