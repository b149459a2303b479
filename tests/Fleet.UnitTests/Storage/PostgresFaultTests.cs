using Fleet.Silo;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Postgres;
using Npgsql;

namespace Fleet.UnitTests.Storage;

public sealed class PostgresFaultTests
{
    private const int Writers = 32;
    private const int Enough = 200;

    [Fact]
    public async Task A_write_whose_acknowledgement_is_lost_fails_and_the_next_read_tells_the_truth()
    {
        string name = PostgresServer.CreateDatabase();
        var server = new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable(PostgresServer.Variable));
        await using var proxy = new CuttingProxy(server.Host!, server.Port);
        try
        {
            (server.Host, server.Port, server.Database, server.MaxPoolSize) = ("127.0.0.1", proxy.Port, name, 5);
            var options = new StorageOptions { ConnectionString = server.ConnectionString };
            await using var database = new PostgresTestDatabase(name, null, options);
            var record = await database.Write("counter", "a", new CounterState { Count = 1 });
            proxy.CutNextAnswer();
            await Assert.ThrowsAsync<StorageException>(() => database.Write("counter", "a", new CounterState { Count = 2 }, record.ETag));
            Assert.NotNull(database.Health.LastFailure);

            // The server may still be at it when the connection is gone.
            Orleans.GrainState<CounterState> read;
            do read = await database.Read<CounterState>("counter", "a");
            while (read.State!.Count == 1);
            Assert.Equal(2, read.State.Count);
            await Assert.ThrowsAsync<Orleans.Storage.InconsistentStateException>(() => database.Write("counter", "a", new CounterState { Count = 9 }, record.ETag));
            await database.Write("counter", "a", new CounterState { Count = 3 }, read.ETag);
            Assert.Null(database.Health.LastFailure);
        }
        finally
        {
            PostgresServer.DropDatabase(name);
        }
    }

    [Fact]
    public async Task When_connections_are_lost_again_and_again_nothing_acknowledged_is_missing()
    {
        await using var database = new PostgresTestDatabase();
        var counters = new Counters(database, Writers);
        using var stop = new CancellationTokenSource();
        var counting = counters.Run(stop.Token);
        for (int cut = 0; cut < 10; cut++)
        {
            int before = counters.Acknowledged;
            while (counters.Acknowledged < before + Enough && !counting.IsCompleted) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            database.Scalar("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        }
        await stop.CancelAsync();
        await counting;
        Assert.True(counters.Failures > 0);
    }

    [Fact]
    public async Task When_the_database_is_killed_writes_fail_readiness_is_red_and_after_its_return_nothing_acknowledged_is_missing()
    {
        using var server = PostgresProcess.Start();
        string name = PostgresServer.CreateDatabase(server.ConnectionString);
        await using var database = new PostgresTestDatabase(name, server.ConnectionString);
        using var probe = new StorageProbe(database.Records, database.Health, TimeProvider.System);
        Assert.Null(await probe.Check(default));
        var counters = new Counters(database, Writers);
        using var stop = new CancellationTokenSource();
        var counting = counters.Run(stop.Token);
        for (int kill = 0; kill < 3; kill++)
        {
            int before = counters.Acknowledged, failed = counters.Failures;
            while (counters.Acknowledged < before + Enough && !counting.IsCompleted) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            server.Kill();
            while (counters.Failures == failed && !counting.IsCompleted) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            Assert.NotNull(await probe.Check(default));
            server.StartAgain();
        }
        int returned = counters.Acknowledged;
        while (counters.Acknowledged < returned + Enough && !counting.IsCompleted) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        await stop.CancelAsync();
        await counting;
        await database.Write("counter", "last", new CounterState());
        while (await probe.Check(default) is not null) await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
    }

    [Fact]
    public async Task A_second_process_that_is_alone_is_refused_while_the_first_has_the_database()
    {
        await using var first = new PostgresTestDatabase();
        var refused = Assert.Throws<StartupException>(() => new PostgresTestDatabase(first.Name));
        Assert.Contains("by a process that shares it with nobody", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_a_cluster_takes_in_the_meantime_is_written_no_more_by_a_process_that_is_alone()
    {
        await using var database = new PostgresTestDatabase();
        await database.Write("counter", "a", new CounterState());
        // A silo that waits for the lock, in the way in which silos hold it.
        await using var silo = new NpgsqlConnection(PostgresServer.ConnectionString(database.Name));
        await silo.OpenAsync();
        await using var locks = new NpgsqlCommand($"SELECT pg_advisory_lock_shared({0x46_6C65_6574_0001})", silo);
        var waiting = locks.ExecuteNonQueryAsync();
        database.Scalar($"SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), {silo.ProcessID})");
        await waiting;

        var refused = await Assert.ThrowsAsync<StorageException>(() => database.Write("counter", "b", new CounterState()));
        while (!refused.Message.Contains("the silos of a cluster", StringComparison.Ordinal))
            refused = await Assert.ThrowsAsync<StorageException>(() => database.Write("counter", "b", new CounterState()));
        Assert.False((await database.Read<CounterState>("counter", "b")).RecordExists);
        Assert.Contains("the silos of a cluster", Assert.Throws<StartupException>(() => new PostgresTestDatabase(database.Name)).Message, StringComparison.Ordinal);

        await silo.CloseAsync();
        NpgsqlConnection.ClearPool(silo);
        while (true)
        {
            try
            {
                await database.Write("counter", "b", new CounterState());
                break;
            }
            catch (StorageException)
            {
                // The server has not let go of the silo's lock yet.
            }
        }
    }

    [Fact]
    public async Task A_database_of_a_newer_program_is_refused_with_both_versions_named()
    {
        await using var database = new PostgresTestDatabase();
        database.Scalar("INSERT INTO schema_version VALUES (99, now())");
        var refused = Assert.Throws<StartupException>(() => new PostgresTestDatabase(database.Name));
        Assert.Contains("99", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"{PostgresDatabase.Migrations.Latest}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_that_the_database_cannot_hold_fails_alone()
    {
        await using var database = new PostgresTestDatabase();
        Task bad, good;
        await using (await database.HoldWriter())
        {
            // PostgreSQL has no text with a zero byte.
            bad = database.Write("counter", "a\0b", new CounterState { Count = 1 });
            good = database.Write("counter", "a", new CounterState { Count = 1 });
        }
        await good;
        await Assert.ThrowsAsync<StorageException>(() => bad);
        Assert.Null(database.Health.LastFailure);
    }
}
