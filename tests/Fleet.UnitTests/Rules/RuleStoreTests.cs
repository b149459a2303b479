using System.Text;
using Fleet.Gateway.Rules;
using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;
using Fleet.UnitTests.Storage;

namespace Fleet.UnitTests.Rules;

public sealed class RuleStoreOnSqlite : RuleStoreTests<SqliteTestDatabase>;

public sealed class RuleStoreOnPostgres : RuleStoreTests<PostgresTestDatabase>;

/// <summary>Queues and dead letters, as both databases must keep them.</summary>
public abstract class RuleStoreTests<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly TDatabase _database = new();
    private int _last;

    private static RuleName A { get; } = Name("a");

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_message_comes_back_as_it_was_appended()
    {
        await _database.Rules.Open(A);
        var message = new RuleMessage("a", Id(1), "factory/東/t", "client%1", "text/plain; charset=utf-8", new byte[] { 0, 1, 255 }, Noon.AddTicks(-70));
        Assert.Equal(new QueueFill(1, 3), await _database.RuleQueue.Append(message, default));
        var read = Assert.Single((await Fetch()).Messages);
        Assert.Equal(message.Payload.ToArray(), read.Payload.ToArray());
        Assert.Equal(new(read.Sequence, message.Id, message.Topic, message.ClientId, message.ContentType, read.Payload, message.ReceivedAt, message.ReceivedAt, 0), read);

        await _database.RuleQueue.Append(message with { Id = Id(2), ClientId = null, ContentType = null, Payload = default }, default);
        var second = (await Fetch()).Messages[1];
        Assert.Equal((null, null, 0), (second.ClientId, second.ContentType, second.Payload.Length));
        Assert.Equal(new QueueFill(2, 3), await _database.RuleQueue.GetFill("a", default));
    }

    [Fact]
    public async Task Publishers_are_counted_that_hold_much_of_one_queue()
    {
        await _database.Rules.Open(A);
        await _database.Rules.Open(Name("b"));
        foreach (var (rule, client, bytes) in new (string, string?, int)[] { ("a", "large", 100), ("a", "many", 1), ("a", "many", 2),
            ("a", "small", 19), ("b", "large", 100), ("a", null, 500) })
            await _database.RuleQueue.Append(new(rule, Id(++_last), "t", client, null, new byte[bytes], Noon), default);
        var holders = await _database.RuleQueue.GetHolders("a", messageBytes: 10, atLeastBytes: 20, default);
        Assert.Equal([new("large", 100), new("many", 20)], holders.OrderBy(holder => holder.Publisher, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_publisher_with_many_client_ids_is_counted_as_one_and_a_device_of_such_a_name_is_another()
    {
        await _database.Rules.Open(A);
        foreach (string client in new[] { "device", "other\nname" })
            await _database.RuleQueue.Append(
                new("a", Id(++_last), "t", client, null, new byte[10], Noon) { Publisher = "Operator/ann" }, default);
        await _database.RuleQueue.Append(new("a", Id(++_last), "t", "device", null, new byte[20], Noon), default);
        Assert.Equal([new("Operator/ann", 20), new("device", 20)], await Holders());
        var messages = (await Fetch()).Messages;
        Assert.Equal(["device", "other\nname", "device"], messages.Select(message => message.ClientId));

        // What has died comes back as its publisher's.
        await Settle(new Settlement.Dead(messages[1].Sequence, 1, "e"));
        Assert.Equal("other\nname", Assert.Single(await _database.Rules.ListDeadLetters(A, null, 10)).ClientId);
        await _database.Rules.Replay(A, null, 10, Noon);
        Assert.Equal([new("Operator/ann", 20), new("device", 20)], await Holders());

        async Task<IEnumerable<PublisherFill>> Holders() =>
            (await _database.RuleQueue.GetHolders("a", messageBytes: 1, atLeastBytes: 15, default)).OrderBy(h => h.Publisher, StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_queue_that_was_not_made_takes_nothing()
    {
        Assert.Null(await _database.RuleQueue.GetFill("a", default));
        Assert.Null(await Append("a", "1"));
        await _database.Rules.Open(A);
        Assert.Empty((await Fetch()).Messages);
        await Append("a", "2");
        await _database.Rules.Open(A);
        Assert.Equal(1, (await Backlog()).Queued);
        await _database.Rules.Drop(A);
        Assert.Null(await Append("a", "3"));
        Assert.Null(await _database.Rules.GetBacklog(A));
        await _database.Rules.Open(A);
        Assert.Empty((await Fetch()).Messages);
        Assert.Equal(0, (await Backlog()).Queued);
    }

    [Fact]
    public async Task Messages_come_in_the_order_of_arrival_and_those_that_are_held_do_not_come_again()
    {
        await _database.Rules.Open(A);
        await _database.Rules.Open(Name("b"));
        for (int i = 0; i < 6; i++) await Append(i % 2 == 0 ? "a" : "b", $"{i}");
        var first = await Fetch(limit: 2);
        Assert.Equal("0 2", Payloads(first));
        Assert.Equal("4", Payloads(await Fetch(held: first)));
        Assert.Equal("0 2 4", Payloads(await Fetch()));
    }

    [Fact]
    public async Task Many_at_once_share_transactions_and_none_is_lost_or_doubled()
    {
        await _database.Rules.Open(A);
        await _database.Rules.Open(Name("b"));
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Append(i % 3 == 0 ? "b" : "a", $"{i}")));
        Assert.Equal(200, (await Backlog()).Queued);
        var left = Enumerable.Range(0, 300).Where(i => i % 3 != 0).Select(i => $"{i}");
        Assert.Equal(left.Order(), Payloads(await Fetch(limit: 500)).Split(' ').Order());
    }

    [Fact]
    public async Task What_is_done_is_gone_and_counted_once()
    {
        await _database.Rules.Open(A);
        foreach (string payload in new[] { "1", "22", "333" }) await Append("a", payload);
        var taken = (await Fetch()).Messages;
        var backlog = await Settle(new Settlement.Done(taken[0].Sequence), new Settlement.Done(taken[1].Sequence));
        Assert.Equal(new RuleBacklog(1, 3, 0, 2, 0, null, null), backlog);
        Assert.Equal(backlog, await Settle(new Settlement.Done(taken[0].Sequence)));
        Assert.Equal("333", Payloads(await Fetch()));
    }

    [Fact]
    public async Task What_is_tried_again_comes_when_it_is_due()
    {
        await _database.Rules.Open(A);
        await Append("a", "1");
        await Append("a", "2");
        var message = (await Fetch()).Messages[0];
        var backlog = await Settle(new Settlement.Retry(message.Sequence, 3, Noon.AddMinutes(1), "HTTP 503"));
        Assert.Equal((2, "HTTP 503", Noon), (backlog.Queued, backlog.LastError, backlog.LastErrorAt));
        var taken = await Fetch(now: Noon.AddSeconds(59));
        Assert.Equal(("2", Noon.AddMinutes(1)), (Payloads(taken), taken.NextDueAt!.Value));
        var again = (await Fetch(now: Noon.AddMinutes(1))).Messages[1];
        Assert.Equal(message with { Attempts = 3, Payload = again.Payload }, again);
    }

    [Fact]
    public async Task A_dead_letter_can_be_looked_at_and_replayed()
    {
        await _database.Rules.Open(A);
        foreach (string payload in new[] { "1", "22", "333" }) await Append("a", payload);
        var taken = (await Fetch()).Messages;
        var backlog = await Settle(new Settlement.Dead(taken[0].Sequence, 20, "HTTP 500"), new Settlement.Dead(taken[2].Sequence, 1, "HTTP 400: no"));
        Assert.Equal(new RuleBacklog(1, 2, 2, 0, 2, "HTTP 400: no", Noon), backlog);
        Assert.Equal("22", Payloads(await Fetch()));

        var letters = await _database.Rules.ListDeadLetters(A, null, 10);
        Assert.Equal([(taken[0].Id, 20, "HTTP 500"), (taken[2].Id, 1, "HTTP 400: no")], letters.Select(l => (l.Id, l.Attempts, l.Error)));
        Assert.Equal(taken[2].Id, Assert.Single(await _database.Rules.ListDeadLetters(A, letters[0].Id, 10)).Id);
        var letter = (await _database.Rules.GetDeadLetter(A, taken[0].Id))!;
        Assert.Equal(("t", "c", "1", taken[0].ReceivedAt, Noon), (letter.Topic, letter.ClientId, Encoding.UTF8.GetString(letter.Payload.Span), letter.ReceivedAt, letter.DiedAt));
        Assert.Null(await _database.Rules.GetDeadLetter(Name("b"), letter.Id));

        var later = Noon.AddHours(1);
        Assert.Equal(1, await _database.Rules.Replay(A, letter.Id, 10, later));
        Assert.Equal(0, await _database.Rules.Replay(A, letter.Id, 10, later));
        Assert.Equal("22", Payloads(await Fetch(now: Noon.AddMinutes(59))));
        var replayed = (await Fetch(now: later)).Messages[1];
        Assert.Equal((letter.Id, 0, letter.ReceivedAt, later), (replayed.Id, replayed.Attempts, replayed.ReceivedAt, replayed.QueuedAt));
        Assert.Equal((2, 3, 1, 2), await Counts());

        // It may die again under the same id.
        await Settle(new Settlement.Dead(replayed.Sequence, 20, "HTTP 500"));
        Assert.Equal((1, 2, 2, 3), await Counts());
        Assert.Equal(2, await _database.Rules.Replay(A, null, 10, later));
        Assert.Equal((3, 6, 0, 3), await Counts());
    }

    [Fact]
    public async Task Dead_letters_are_deleted_one_by_one_all_or_when_they_are_old()
    {
        await _database.Rules.Open(A);
        for (int i = 0; i < 5; i++) await Append("a", "x");
        var taken = (await Fetch()).Messages;
        for (int i = 0; i < 5; i++)
            await _database.Rules.Settle(A, [new Settlement.Dead(taken[i].Sequence, 1, "e")], Noon.AddDays(i));
        Assert.Equal(1, await _database.Rules.Discard(A, taken[4].Id, null, 10));
        Assert.Equal(2, await _database.Rules.Discard(A, null, Noon.AddDays(2), 10));
        Assert.Equal([taken[2].Id, taken[3].Id], (await _database.Rules.ListDeadLetters(A, null, 10)).Select(l => l.Id));
        Assert.Equal(1, await _database.Rules.Discard(A, null, null, 1));
        Assert.Equal(1, await _database.Rules.Discard(A, null, null, 10));
        Assert.Equal((0, 0, 0, 5), await Counts());
    }

    [Fact]
    public async Task Two_that_settle_and_append_at_the_same_time_do_not_hold_each_other_up()
    {
        await _database.Rules.Open(A);
        await _database.Rules.Open(Name("b"));
        var work = Enumerable.Range(0, 4).Select(async writer =>
        {
            for (int i = 0; i < 25; i++)
            {
                await Task.WhenAll(Append("a", "x"), Append("b", "x"));
                foreach (string rule in Both(writer % 2 == 0))
                {
                    var taken = await _database.Rules.Fetch(Name(rule), Noon.AddYears(1), [], 1);
                    await _database.Rules.Settle(Name(rule), [.. taken.Messages.Select(m => new Settlement.Done(m.Sequence))], Noon);
                }
            }
        });
        await Task.WhenAll(work);
        foreach (string rule in Both(true))
        {
            var backlog = (await _database.Rules.GetBacklog(Name(rule)))!;
            Assert.Equal(100, backlog.Queued + backlog.Delivered);
            Assert.Equal(backlog.Queued, (await _database.Rules.Fetch(Name(rule), Noon.AddYears(1), [], 200)).Messages.Length);
        }
    }

    private static IEnumerable<string> Both(bool inOrder) => inOrder ? ["a", "b"] : ["b", "a"];

    private Task<QueueFill?> Append(string rule, string payload)
    {
        int number = Interlocked.Increment(ref _last);
        return _database.RuleQueue.Append(
            new(rule, Id(number), "t", "c", null, Encoding.UTF8.GetBytes(payload), Noon.AddHours(-1).AddMilliseconds(number)), default);
    }

    private Task<DueMessages> Fetch(int limit = 100, DateTimeOffset? now = null, DueMessages? held = null) =>
        _database.Rules.Fetch(A, now ?? Noon, [.. held?.Messages.Select(m => m.Sequence) ?? []], limit);

    private Task<RuleBacklog> Settle(params Settlement[] settlements) => _database.Rules.Settle(A, [.. settlements], Noon);

    private async Task<RuleBacklog> Backlog() => (await _database.Rules.GetBacklog(A))!;

    private async Task<(long Queued, long Bytes, long Dead, long Failed)> Counts() =>
        await Backlog() is var b ? (b.Queued, b.QueuedBytes, b.DeadLetters, b.Failed) : default;

    private static string Payloads(DueMessages taken) =>
        string.Join(' ', taken.Messages.Select(m => Encoding.UTF8.GetString(m.Payload.Span)));

    private static string Id(int number) => $"{number:x32}";

    private static RuleName Name(string name) => RuleName.TryParse(name, out var rule) ? rule : throw new ArgumentException(name);
}
