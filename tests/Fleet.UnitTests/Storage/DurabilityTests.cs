using Fleet.Grains.Index;
using Fleet.Silo;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Fleet.UnitTests.Storage;

public sealed class DurabilityTests
{
    [Fact]
    public async Task Everything_is_there_after_a_restart()
    {
        string folder = NewFolder();
        await using (var first = new SqliteTestDatabase(folder))
        {
            await first.Write("counter", "a", new CounterState { Count = 7 });
            await first.Write("device", "robot-1", IndexedState.Of("robot-1"));
        }
        await using var second = new SqliteTestDatabase(folder);
        Assert.Equal(7, (await second.Read<CounterState>("counter", "a")).State!.Count);
        Assert.Equal(1, await second.Index.Count(FleetQuery.All, default));
    }

    [Fact]
    public async Task An_acknowledged_write_is_in_the_files_without_a_word_from_the_process_afterwards()
    {
        string copy = NewFolder();
        await using var database = new SqliteTestDatabase();
        var record = await database.Write("counter", "a", new CounterState { Count = 1 });
        for (int i = 2; i <= 20; i++) record = await database.Write("counter", "a", new CounterState { Count = i }, record.ETag);
        // As after kill -9: the shared-memory index is lost, and the log is all there is.
        foreach (string file in (string[])["fleet.db", "fleet.db-wal"]) File.Copy(Path.Combine(database.Folder, file), Path.Combine(copy, file));

        await using var survivor = new SqliteTestDatabase(copy);
        Assert.Equal(20, (await survivor.Read<CounterState>("counter", "a")).State!.Count);
    }

    [Fact]
    public async Task On_a_full_disk_writes_fail_nothing_acknowledged_is_missing_and_it_goes_on_when_there_is_room()
    {
        var options = new StorageOptions { MaxPages = 256 };
        await using var database = new SqliteTestDatabase(null, options);
        string padding = new('x', 20_000);
        List<string> stored = [], refused = [];
        for (int i = 0; i < 100; i++)
        {
            try
            {
                await database.Write("counter", $"k{i}", new CounterState { Count = i, Padding = padding });
                stored.Add($"k{i}");
            }
            catch (StorageException e)
            {
                Assert.Equal(SQLitePCL.raw.SQLITE_FULL, Assert.IsType<SqliteException>(e.InnerException).SqliteErrorCode);
                refused.Add($"k{i}");
            }
        }
        Assert.NotEmpty(stored);
        Assert.NotEmpty(refused);
        Assert.NotNull(database.Health.LastFailure);
        using var probe = new StorageProbe(database.Records, database.Health, TimeProvider.System);
        Assert.NotNull(await probe.Check(default));
        foreach (string key in stored) Assert.True((await database.Read<CounterState>("counter", key)).RecordExists, key);
        foreach (string key in refused) Assert.False((await database.Read<CounterState>("counter", key)).RecordExists, key);

        options.MaxPages = 10_000;
        foreach (string key in refused) await database.Write("counter", key, new CounterState { Padding = padding });
        Assert.Null(await probe.Check(default));
        Assert.Equal(100L, database.Scalar("SELECT COUNT(*) FROM grain_state"));
    }

    [Fact]
    public async Task While_another_program_holds_the_database_writes_fail_and_reads_work()
    {
        await using var database = new SqliteTestDatabase(null, new StorageOptions { LockTimeoutSeconds = 1 });
        var record = await database.Write("counter", "a", new CounterState { Count = 1 });
        using (var other = SqliteSession.Open(database.File, SqliteOpenMode.ReadWrite, database.Options))
        {
            other.Run("BEGIN IMMEDIATE");
            await Assert.ThrowsAsync<StorageException>(() => database.Write("counter", "a", new CounterState { Count = 2 }, record.ETag));
            Assert.Equal(1, (await database.Read<CounterState>("counter", "a")).State!.Count);
            Assert.Contains("locked", database.Health.LastFailure!.Message, StringComparison.Ordinal);
        }
        await database.Write("counter", "a", new CounterState { Count = 3 }, record.ETag);
        Assert.Null(database.Health.LastFailure);
    }

    [Fact]
    public async Task A_database_of_a_newer_program_is_refused_with_both_versions_named()
    {
        string folder = NewFolder();
        await using (var database = new SqliteTestDatabase(folder))
            await database.Writer.Write(session => session.Execute("INSERT INTO schema_version VALUES (99, '')"));
        var refused = Assert.Throws<StartupException>(() => new SqliteTestDatabase(folder));
        Assert.Contains("99", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"{SqliteDatabase.Migrations.Latest}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_commit_waits_for_its_fsync()
    {
        await using var database = new SqliteTestDatabase();
        // 2 is FULL. Less would acknowledge what a power cut takes away.
        Assert.Equal(2L, await database.Writer.Write(session => session.Scalar("PRAGMA synchronous")));
        Assert.Equal("wal", await database.Writer.Write(session => session.Scalar("PRAGMA journal_mode")));
    }

    private static string NewFolder() => Directory.CreateTempSubdirectory("fleet-storage-").FullName;
}
