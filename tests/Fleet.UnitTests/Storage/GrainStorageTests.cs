using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.UnitTests.Storage;

public sealed class GrainStorageOnSqlite : GrainStorageTests<SqliteTestDatabase>;

public sealed class GrainStorageOnPostgres : GrainStorageTests<PostgresTestDatabase>;

public abstract class GrainStorageTests<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private readonly TDatabase _database = new();

    private string JsonCount => _database.JsonMember("count");

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task What_was_written_is_read()
    {
        var written = await _database.Write("counter", "a", new CounterState { Count = 7 });
        var read = await _database.Read<CounterState>("counter", "a");
        Assert.True(read.RecordExists);
        Assert.Equal(7, read.State!.Count);
        Assert.Equal(written.ETag, read.ETag);
    }

    [Fact]
    public async Task A_record_that_nobody_wrote_is_a_new_state_without_an_etag()
    {
        var read = await _database.Read<CounterState>("counter", "a");
        Assert.False(read.RecordExists);
        Assert.Null(read.ETag);
        Assert.Equal(new CounterState(), read.State);
    }

    [Fact]
    public async Task A_state_is_json_that_any_sql_client_reads()
    {
        await _database.Write("counter", "a", new CounterState { Count = 7 });
        Assert.Equal(7L, _database.Scalar($"SELECT {JsonCount} FROM grain_state WHERE type = 'counter' AND key = 'a'"));
    }

    [Fact]
    public async Task Records_of_one_grain_by_other_names_are_kept_apart()
    {
        var grain = GrainId.Create("counter", "a");
        await _database.Grains.WriteStateAsync("counter", grain, new GrainState<CounterState>(new() { Count = 1 }));
        await _database.Grains.WriteStateAsync("archive", grain, new GrainState<CounterState>(new() { Count = 2 }));
        Assert.Equal(1, (await _database.Read<CounterState>("counter", "a")).State!.Count);
        Assert.Equal(2L, _database.Scalar($"SELECT {JsonCount} FROM grain_state WHERE type = 'counter/archive'"));
    }

    [Fact]
    public async Task Two_writers_with_one_etag_the_second_loses_and_learns_which_etag_won()
    {
        string etag = (await _database.Write("counter", "a", new CounterState { Count = 1 })).ETag!;
        string winner = (await _database.Write("counter", "a", new CounterState { Count = 2 }, etag)).ETag!;
        var refused = await Assert.ThrowsAsync<InconsistentStateException>(() => _database.Write("counter", "a", new CounterState { Count = 3 }, etag));
        Assert.Equal((winner, etag), (refused.StoredEtag, refused.CurrentEtag));
        Assert.Equal(2, (await _database.Read<CounterState>("counter", "a")).State!.Count);
    }

    [Fact]
    public async Task A_second_first_write_is_refused()
    {
        await _database.Write("counter", "a", new CounterState { Count = 1 });
        await Assert.ThrowsAsync<InconsistentStateException>(() => _database.Write("counter", "a", new CounterState { Count = 2 }));
    }

    [Fact]
    public async Task In_one_transaction_the_loser_of_an_etag_is_refused_and_its_neighbours_are_stored()
    {
        string etag = (await _database.Write("counter", "contested", new CounterState { Count = 0 })).ETag!;
        List<Task<GrainState<CounterState>>> writes = [];
        await using (await _database.HoldWriter())
        {
            writes.Add(_database.Write("counter", "before", new CounterState { Count = 1 }));
            writes.Add(_database.Write("counter", "contested", new CounterState { Count = 2 }, etag));
            writes.Add(_database.Write("counter", "contested", new CounterState { Count = 3 }, etag));
            writes.Add(_database.Write("counter", "after", new CounterState { Count = 4 }));
        }
        await Assert.ThrowsAsync<InconsistentStateException>(() => writes[2]);
        await Task.WhenAll(writes[0], writes[1], writes[3]);

        Assert.Contains(_database.Batches, size => size >= 3);
        Assert.Equal(2, (await _database.Read<CounterState>("counter", "contested")).State!.Count);
        Assert.True((await _database.Read<CounterState>("counter", "before")).RecordExists);
        Assert.True((await _database.Read<CounterState>("counter", "after")).RecordExists);
    }

    [Fact]
    public async Task A_record_made_anew_never_gets_an_etag_that_its_predecessor_had()
    {
        var first = await _database.Write("counter", "a", new CounterState { Count = 1 });
        string stale = first.ETag!;
        await _database.Grains.ClearStateAsync("counter", GrainId.Create("counter", "a"), first);
        Assert.False(first.RecordExists);
        await _database.Write("counter", "a", new CounterState { Count = 2 });
        await Assert.ThrowsAsync<InconsistentStateException>(() => _database.Write("counter", "a", new CounterState { Count = 3 }, stale));
    }

    [Fact]
    public async Task Clearing_with_a_stale_etag_is_refused()
    {
        var stale = await _database.Write("counter", "a", new CounterState { Count = 1 });
        await _database.Write("counter", "a", new CounterState { Count = 2 }, stale.ETag);
        await Assert.ThrowsAsync<InconsistentStateException>(
            () => _database.Grains.ClearStateAsync("counter", GrainId.Create("counter", "a"), stale));
        Assert.True((await _database.Read<CounterState>("counter", "a")).RecordExists);
    }

    [Fact]
    public async Task Many_writers_of_one_counter_lose_no_increment()
    {
        await _database.Write("counter", "a", new CounterState());
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (int done = 0; done < 25;)
            {
                var read = await _database.Read<CounterState>("counter", "a");
                try
                {
                    await _database.Write("counter", "a", new CounterState { Count = read.State!.Count + 1 }, read.ETag);
                    done++;
                }
                catch (InconsistentStateException)
                {
                    // Another was first: read again.
                }
            }
        })));
        Assert.Equal(200, (await _database.Read<CounterState>("counter", "a")).State!.Count);
    }
}
