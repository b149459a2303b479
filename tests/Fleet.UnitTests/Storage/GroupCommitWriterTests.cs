using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Fleet.UnitTests.Storage;

public sealed class GroupCommitWriterTests : IAsyncDisposable
{
    private readonly SqliteTestDatabase _database = new();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Writes_that_arrive_together_are_committed_together()
    {
        List<Task> writes = [];
        await using (await _database.HoldWriter())
        {
            for (int i = 0; i < 100; i++) writes.Add(_database.Write("counter", $"k{i}", new CounterState { Count = i }));
        }
        await Task.WhenAll(writes);
        Assert.Contains(100, _database.Batches);
    }

    [Fact]
    public async Task Work_that_throws_leaves_nothing_behind_and_its_neighbours_are_stored()
    {
        Task bad;
        List<Task> good = [];
        await using (await _database.HoldWriter())
        {
            good.Add(_database.Write("counter", "before", new CounterState { Count = 1 }));
            bad = _database.Writer.Write<int>(session =>
            {
                Insert(session, "half", "{}");
                throw new InvalidOperationException("a bug");
            });
            good.Add(_database.Write("counter", "after", new CounterState { Count = 2 }));
        }
        await Task.WhenAll(good);
        var refused = await Assert.ThrowsAsync<StorageException>(() => bad);
        Assert.IsType<InvalidOperationException>(refused.InnerException);
        Assert.Equal(0L, _database.Scalar("SELECT COUNT(*) FROM grain_state WHERE key = 'half'"));
        Assert.Equal(2L, _database.Scalar("SELECT COUNT(*) FROM grain_state"));
        Assert.Null(_database.Health.LastFailure);
    }

    [Fact]
    public async Task A_row_that_breaks_a_constraint_fails_alone()
    {
        Task bad, good;
        await using (await _database.HoldWriter())
        {
            bad = _database.Writer.Write(session => Insert(session, "no-state", null));
            good = _database.Write("counter", "a", new CounterState { Count = 1 });
        }
        await good;
        Assert.IsType<SqliteException>((await Assert.ThrowsAsync<StorageException>(() => bad)).InnerException);
    }

    [Fact]
    public async Task A_write_that_is_taken_back_in_time_is_not_stored()
    {
        using var cancellation = new CancellationTokenSource();
        Task write;
        await using (await _database.HoldWriter())
        {
            write = _database.Writer.Write(session => Insert(session, "taken-back", "{}"), cancellation.Token);
            await cancellation.CancelAsync();
        }
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        Assert.Equal(0L, _database.Scalar("SELECT COUNT(*) FROM grain_state"));
    }

    [Fact]
    public async Task What_is_queued_when_the_service_stops_is_stored_and_what_comes_later_is_refused()
    {
        List<Task> writes = [];
        ValueTask stopped;
        await using (await _database.HoldWriter())
        {
            for (int i = 0; i < 20; i++) writes.Add(_database.Write("counter", $"k{i}", new CounterState()));
            stopped = _database.Writer.DisposeAsync();
        }
        await stopped;
        await Task.WhenAll(writes);
        await Assert.ThrowsAsync<StorageException>(() => _database.Write("counter", "late", new CounterState()));
        Assert.Equal(20L, _database.Scalar("SELECT COUNT(*) FROM grain_state"));
    }

    private static int Insert(SqliteSession session, string key, string? state) => session.Execute(
        "INSERT INTO grain_state (type, key, state, etag, updated_at) VALUES ('t', $1, $2, 1, '')", key, state);
}
