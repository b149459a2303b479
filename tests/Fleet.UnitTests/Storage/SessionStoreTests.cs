using System.Text;
using Fleet.Gateway.Journal;

namespace Fleet.UnitTests.Storage;

public sealed class SessionStoreOnSqlite : SessionStoreTests<SqliteTestDatabase>;

public sealed class SessionStoreOnPostgres : SessionStoreTests<PostgresTestDatabase>;

public abstract class SessionStoreTests<TDatabase> : SessionStoreTestsOn<TDatabase> where TDatabase : TestDatabase, new()
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_session_comes_back_as_it_was_written()
    {
        var owner = (await Store.Begin("g1", "here", default)).Number;
        var session = Session(1, "amr-1") with
        {
            Kind = "device", Thing = "amr-1", Certificate = "c0ffee", Operator = "o", Template = "t", DisconnectedAt = Noon, MaybeSent = 3, Will = """{"topic":"w"}""", Gateway = "g0",
        };
        await Write(owner, batch =>
        {
            batch.Sessions.Add(session);
            batch.Subscriptions.Add(new(1, "a/+", 0b1101, 268_435_455));
            batch.Messages.Add(new(10, "a/b"u8.ToArray(), "x\0"u8.ToArray(), 2, true, new byte[] { 1, 0, 2 }, Noon.AddHours(1)));
            batch.Deliveries.Add(new(1, 1, 10, 2, true, 65_535, new byte[] { 0x0B, 7 }));
            batch.Deliveries.Add(new(1, 2, 10, 1, false, 0, default));
            batch.Received.Add(new(1, 65_535));
        });
        var read = await Store.Load(owner, default);
        Assert.Equal(session, Assert.Single(read.Sessions));
        Assert.Equal(new SubscriptionRow(1, "a/+", 0b1101, 268_435_455), Assert.Single(read.Subscriptions));
        var message = Assert.Single(read.Messages);
        Assert.Equal(
            $"10 a/b x\0 2 True 010002 {Noon.AddHours(1):u}",
            $"{message.Id} {Text(message.Topic)} {Text(message.Payload)} {message.Qos} {message.Retain} {Convert.ToHexString(message.Properties.Span)} {message.ExpiresAt:u}");
        Assert.Equal("1 10 2 True 65535 0B07, 2 10 1 False 0 ", Deliveries(read));
        Assert.Equal(new ReceivedRow(1, 65_535), Assert.Single(read.Received));
    }

    [Fact]
    public async Task What_is_finished_is_gone_and_what_is_released_keeps_its_packet_identifier()
    {
        var owner = (await Store.Begin("g1", "here", default)).Number;
        await Write(owner, batch =>
        {
            batch.Sessions.Add(Session(1, "a"));
            batch.Subscriptions.Add(new(1, "x", 1, 0));
            batch.Subscriptions.Add(new(1, "y", 1, 0));
            batch.Messages.AddRange([Message(10), Message(11)]);
            batch.Deliveries.AddRange([new(1, 1, 10, 1, false, 0, default), new(1, 2, 11, 2, false, 7, default), new(1, 3, 11, 2, false, 0, default)]);
            batch.Received.AddRange([new(1, 1), new(1, 2)]);
        });
        await Write(owner, batch =>
        {
            batch.RemovedSubscriptions.Add((1, "x"));
            batch.Subscriptions.Add(new(1, "y", 2, 5, OwesRetained: true));
            batch.RemovedDeliveries.Add(new(1, 1));
            batch.ReleasedDeliveries.Add(new(1, 2));
            batch.IdentifiedDeliveries.Add((new(1, 3), 8));
            batch.RemovedMessages.Add(10);
            batch.RemovedReceived.Add(new(1, 1));
        });
        var read = await Store.Load(owner, default);
        Assert.Equal(new SubscriptionRow(1, "y", 2, 5, OwesRetained: true), Assert.Single(read.Subscriptions));
        Assert.Equal("2 0 2 False 7 , 3 11 2 False 8 ", Deliveries(read));
        Assert.Equal(11, Assert.Single(read.Messages).Id);
        Assert.Equal(new ReceivedRow(1, 2), Assert.Single(read.Received));
    }

    [Fact]
    public async Task A_session_that_is_removed_takes_all_its_rows_along()
    {
        var owner = (await Store.Begin("g1", "here", default)).Number;
        await Write(owner, batch =>
        {
            batch.Sessions.AddRange([Session(1, "a"), Session(2, "b")]);
            batch.Messages.Add(Message(10));
            foreach (long session in (long[])[1, 2])
            {
                batch.Subscriptions.Add(new(session, "x", 1, 0));
                batch.Deliveries.Add(new(session, 1, 10, 1, false, 0, default));
                batch.Received.Add(new(session, 1));
            }
        });
        await Write(owner, batch => batch.RemovedSessions.Add(1));
        var read = await Store.Load(owner, default);
        Assert.Equal(
            (2, 2, 10, 2, 2),
            (read.Sessions.Single().Id, read.Subscriptions.Single().Session, read.Messages.Single().Id, read.Deliveries.Single().Session, read.Received.Single().Session));
        foreach (string table in (string[])["session_subscriptions", "session_deliveries", "session_received"])
            Assert.Equal(1L, Convert.ToInt64(Database.Scalar($"SELECT COUNT(*) FROM {table}")));
    }

    [Fact]
    public async Task A_batch_whose_outcome_was_unknown_may_come_again()
    {
        var owner = (await Store.Begin("g1", "here", default)).Number;
        for (int i = 0; i < 2; i++)
        {
            await Write(owner, batch =>
            {
                batch.Sessions.Add(Session(1, "a"));
                batch.Subscriptions.Add(new(1, "x", 1, 0));
                batch.Messages.Add(Message(10));
                batch.Deliveries.Add(new(1, 1, 10, 1, false, 0, default));
                batch.Received.Add(new(1, 1));
            });
        }
        Assert.Equal("1 10 1 False 0 ", Deliveries(await Store.Load(owner, default)));
    }

    [Fact]
    public async Task Who_begins_under_a_name_has_what_was_left_there_and_the_last_one_is_fenced()
    {
        var first = (await Store.Begin("g1", "here", default)).Number;
        await Write(first, batch =>
        {
            batch.Sessions.Add(Session(1, "a"));
            batch.Messages.AddRange([Message(10), Message(11)]);
            batch.Deliveries.Add(new(1, 1, 10, 1, false, 0, default));
        });
        var second = (await Store.Begin("g2", "here", default)).Number;
        Assert.True(second.Value > first.Value);
        var read = await Store.Load(second, default);
        Assert.Equal((1, 1, 10), (read.Sessions.Single().Id, read.Deliveries.Single().Session, read.Messages.Single().Id));
        // Nobody was owed it.
        Assert.Equal(1L, Convert.ToInt64(Database.Scalar("SELECT COUNT(*) FROM session_messages")));

        var late = new SessionBatch();
        late.Messages.Add(Message(12));
        Assert.False(await Store.Write(first, late, default));
        Assert.Empty((await Store.Load(first, default)).Sessions);
        Assert.Equal(1L, Convert.ToInt64(Database.Scalar("SELECT COUNT(*) FROM session_messages")));
    }

    [Fact]
    public async Task A_name_that_is_unknown_takes_part_all_the_same()
    {
        var owner = (await Store.Begin("g1", null, default)).Number;
        await Write(owner, batch => batch.Sessions.Add(Session(1, "a")));
        Assert.Single((await Store.Load(owner, default)).Sessions);
    }

    [Fact]
    public async Task Many_changes_go_in_one_batch()
    {
        var owner = (await Store.Begin("g1", "here", default)).Number;
        await Write(owner, batch =>
        {
            for (int s = 1; s <= 100; s++)
            {
                batch.Sessions.Add(Session(s, $"s{s}"));
                for (int n = 1; n <= 50; n++) batch.Deliveries.Add(new(s, n, 1_000 + n, 1, false, 0, default));
            }
            for (int n = 1; n <= 50; n++) batch.Messages.Add(Message(1_000 + n));
        });
        var read = await Store.Load(owner, default);
        Assert.Equal((100, 5_000, 50), (read.Sessions.Count, read.Deliveries.Count, read.Messages.Count));
        Assert.Equal(read.Deliveries.OrderBy(d => d.Session).ThenBy(d => d.Number), read.Deliveries);
    }

    private static MessageRow Message(long id) => new(id, "t"u8.ToArray(), "x"u8.ToArray(), 1, false, default, null);

    private static string Deliveries(StoredSessions read) => string.Join(", ", read.Deliveries.Select(
        d => $"{d.Number} {d.Message} {d.Qos} {d.Retain} {d.PacketId} {Convert.ToHexString(d.Identifiers.Span)}"));

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
