using System.Text;
using Fleet.Gateway.Retained;

namespace Fleet.UnitTests.Storage;

public sealed class RetainedStoreTests : IAsyncDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TestDatabase _database = new();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task A_message_comes_back_as_it_was_set()
    {
        var message = new RetainedMessage("fleet/a/status", Encoding.UTF8.GetBytes("online\0"), 1, new byte[] { 1, 2, 3 }, Noon, Noon.AddHours(1));
        await _database.Retained.Set(message, default);
        var read = Assert.Single(await Load());
        Assert.Equal(message.Payload.ToArray(), read.Payload.ToArray());
        Assert.Equal(message.Properties.ToArray(), read.Properties.ToArray());
        Assert.Equal(message with { Payload = read.Payload, Properties = read.Properties }, read);
    }

    [Fact]
    public async Task Setting_again_replaces_and_deleting_removes()
    {
        await Set("t", "1");
        await Set("t", "2");
        Assert.Equal("2", Encoding.UTF8.GetString(Assert.Single(await Load()).Payload.Span));
        await _database.Retained.Delete("t", default);
        Assert.Empty(await Load());
    }

    [Fact]
    public async Task All_are_loaded_however_many_there_are()
    {
        await Task.WhenAll(Enumerable.Range(0, 2_500).Select(i => Set($"t/{i}", "x")));
        Assert.Equal(2_500, (await Load()).DistinctBy(m => m.Topic).Count());
    }

    private Task Set(string topic, string payload) =>
        _database.Retained.Set(new(topic, Encoding.UTF8.GetBytes(payload), 0, ReadOnlyMemory<byte>.Empty, Noon, null), default);

    private async Task<List<RetainedMessage>> Load()
    {
        List<RetainedMessage> all = [];
        await foreach (var message in _database.Retained.Load(0, default)) all.Add(message);
        return all;
    }
}
