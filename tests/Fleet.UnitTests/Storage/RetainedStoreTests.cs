using System.Text;
using Fleet.Gateway.Retained;

namespace Fleet.UnitTests.Storage;

public sealed class RetainedStoreOnSqlite : RetainedStoreTests<SqliteTestDatabase>;

public sealed class RetainedStoreOnPostgres : RetainedStoreTests<PostgresTestDatabase>;

public abstract class RetainedStoreTests<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TDatabase _database = new();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_message_comes_back_as_it_was_set()
    {
        var message = new RetainedMessage("fleet/a/status", Encoding.UTF8.GetBytes("online\0"), 1, new byte[] { 1, 2, 3 }, Noon, Noon.AddHours(1)) { Principal = "a" };
        await _database.Retained.Set(message, default);
        var read = Assert.Single(await Load());
        Assert.Equal(message.Payload.ToArray(), read.Payload.ToArray());
        Assert.Equal(message.Properties.ToArray(), read.Properties.ToArray());
        Assert.Equal(message with { Payload = read.Payload, Properties = read.Properties, Version = read.Version }, read);
    }

    [Fact]
    public async Task Setting_again_replaces_and_deleting_leaves_a_tombstone()
    {
        long first = await Set("t", "1");
        long second = await Set("t", "2");
        Assert.Equal("2", Encoding.UTF8.GetString(Assert.Single(await Load()).Payload.Span));
        long deleted = await _database.Retained.Delete("t", default);
        Assert.Equal([first, second, deleted], ((long[])[first, second, deleted]).Distinct().Order());
        Assert.Equal(("t", true, deleted), Assert.Single((await Load()).Select(m => (m.Topic, m.IsTombstone, m.Version))));
    }

    [Fact]
    public async Task Who_has_seen_a_version_gets_what_came_after_in_order()
    {
        await Set("a", "1");
        long seen = await Set("b", "1");
        await Set("c", "1");
        await Set("a", "2");
        await _database.Retained.Delete("b", default);
        var changes = await Load(seen);
        Assert.Equal("c a b", string.Join(' ', changes.Select(m => m.Topic)));
        Assert.Equal(changes.Select(m => m.Version).Order(), changes.Select(m => m.Version));
        Assert.Empty(await Load(changes[^1].Version));
    }

    [Fact]
    public async Task Changes_at_the_same_moment_have_versions_of_their_own_and_none_is_seen_before_a_lower_one()
    {
        using var stop = new CancellationTokenSource();
        // Follows the changes as a gateway does, and never goes back.
        var follower = Task.Run(async () =>
        {
            List<long> seen = [];
            while (seen.Count < 200)
            {
                stop.Token.ThrowIfCancellationRequested();
                seen.AddRange((await Load(seen.Count == 0 ? 0 : seen[^1])).Select(m => m.Version));
            }
            return seen;
        });
        var versions = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Set($"t/{i}", "x")));
        Assert.Equal(200, versions.Distinct().Count());
        stop.CancelAfter(TimeSpan.FromSeconds(30));
        Assert.Equal(versions.Order(), await follower);
    }

    [Fact]
    public async Task All_are_loaded_however_many_there_are()
    {
        await Task.WhenAll(Enumerable.Range(0, 2_500).Select(i => Set($"t/{i}", "x")));
        Assert.Equal(2_500, (await Load()).DistinctBy(m => m.Topic).Count());
    }

    private Task<long> Set(string topic, string payload) =>
        _database.Retained.Set(new(topic, Encoding.UTF8.GetBytes(payload), 0, ReadOnlyMemory<byte>.Empty, Noon, null), default);

    private async Task<List<RetainedMessage>> Load(long after = 0)
    {
        List<RetainedMessage> all = [];
        await foreach (var message in _database.Retained.Load(after, default)) all.Add(message);
        return all;
    }
}
