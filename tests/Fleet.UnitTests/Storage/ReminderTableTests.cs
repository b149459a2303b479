using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Storage;

/// <summary>Reminders on SQLite; on PostgreSQL they are Orleans' own.</summary>
public sealed class ReminderTableTests : IAsyncDisposable
{
    private static readonly DateTime Start = new(2026, 7, 1, 12, 0, 0, DateTimeKind.Utc);

    private readonly SqliteTestDatabase _database = new();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_reminder_comes_back_as_it_was_written()
    {
        var entry = Entry("rollout", "r1", "deadline");
        string etag = (await _database.Reminders.UpsertRow(entry))!;
        var read = (await _database.Reminders.ReadRow(entry.GrainId, "deadline"))!;
        Assert.Equal((entry.GrainId, "deadline", Start, entry.Period, etag), (read.GrainId, read.ReminderName, read.StartAt, read.Period, read.ETag));
        Assert.Equal(DateTimeKind.Utc, read.StartAt.Kind);
    }

    [Fact]
    public async Task Only_the_newest_etag_removes_a_reminder()
    {
        var entry = Entry("rollout", "r1", "deadline");
        string old = (await _database.Reminders.UpsertRow(entry))!;
        string current = (await _database.Reminders.UpsertRow(entry))!;
        Assert.False(await _database.Reminders.RemoveRow(entry.GrainId, "deadline", old));
        Assert.True(await _database.Reminders.RemoveRow(entry.GrainId, "deadline", current));
        Assert.Null(await _database.Reminders.ReadRow(entry.GrainId, "deadline"));
    }

    [Fact]
    public async Task A_grain_sees_its_own_reminders()
    {
        await _database.Reminders.UpsertRow(Entry("rollout", "r1", "a"));
        await _database.Reminders.UpsertRow(Entry("rollout", "r1", "b"));
        await _database.Reminders.UpsertRow(Entry("rollout", "r2", "a"));
        var rows = (await _database.Reminders.ReadRows(GrainId.Create("rollout", "r1"))).Reminders;
        Assert.Equal(["a", "b"], rows.Select(row => row.ReminderName).Order());
    }

    [Fact]
    public async Task Every_point_of_the_ring_belongs_to_one_of_two_ranges_that_share_it()
    {
        for (int i = 0; i < 50; i++) await _database.Reminders.UpsertRow(Entry("rollout", $"r{i}", "a"));
        const uint middle = uint.MaxValue / 2;
        int inside = (await _database.Reminders.ReadRows(0u, middle)).Reminders.Count;
        int around = (await _database.Reminders.ReadRows(middle, 0u)).Reminders.Count;
        Assert.Equal(50, inside + around);
        Assert.True(inside > 0 && around > 0);
        Assert.Equal(50, (await _database.Reminders.ReadRows(0u, 0u)).Reminders.Count);
    }

    private static ReminderEntry Entry(string type, string key, string name) => new()
    {
        GrainId = GrainId.Create(type, key), ReminderName = name, StartAt = Start, Period = TimeSpan.FromMinutes(90),
    };
}
