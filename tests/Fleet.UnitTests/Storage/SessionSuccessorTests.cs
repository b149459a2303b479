using Fleet.Gateway.Journal;

namespace Fleet.UnitTests.Storage;

public sealed class SessionSuccessorsOnSqlite : SessionSuccessorTests<SqliteTestDatabase>
{
    [Fact]
    public async Task A_beginning_that_ran_twice_inherits_all_the_same()
    {
        await Write(await OfAnEarlierLife(), batch => batch.Sessions.Add(Session(1, "a")));
        Task<OwningGateway> beginning;
        await using (await Database.HoldWriter())
        {
            beginning = Store.Begin("new", "here", default);
            // It breaks the transaction that both share, so each runs again alone.
            _ = Database.Writer.Write<int>(_ => throw new InvalidOperationException("a bug"));
        }
        var owner = await beginning;
        Assert.Equal(["old"], owner.Predecessors);
        Assert.Equal("a", Assert.Single((await Store.Load(owner.Number, default)).Sessions).Key);
    }
}

public sealed class SessionSuccessorsOnPostgres : SessionSuccessorTests<PostgresTestDatabase>;

/// <summary>Gateways that share a database: what a dead one leaves goes to one of the others.</summary>
public abstract class SessionSuccessorTests<TDatabase> : SessionStoreTestsOn<TDatabase> where TDatabase : TestDatabase, new()
{
    [Fact]
    public async Task What_a_dead_gateway_leaves_goes_to_one_successor_and_the_dead_one_is_fenced()
    {
        var (dead, successor, other) = (await Begin("dead"), await Begin("successor"), await Begin("other"));
        await Write(dead, batch =>
        {
            batch.Sessions.Add(Session(1, "a"));
            batch.Messages.Add(new(10, "t"u8.ToArray(), "x"u8.ToArray(), 1, false, default, null));
            batch.Deliveries.Add(new(1, 1, 10, 1, false, 0, default));
            batch.Marks.AddRange([new("other", 7), new("successor", 3)]);
        });
        await Write(dead, batch => batch.Marks.Add(new("other", 9)));
        await Write(successor, batch => batch.Marks.Add(new("other", 1)));

        // Repeated until it is taken, it answers the same.
        for (int i = 0; i < 2; i++)
        {
            var left = (await Store.Inherit(successor, "dead", default))!;
            Assert.Equal((null, 0), (left.Successor, left.Through.Count));
            Assert.Equal((1, 10, 1), (left.Sessions.Sessions.Single().Id, left.Sessions.Messages.Single().Id, left.Sessions.Deliveries.Single().Number));
            Assert.Equal([new LinkMark("other", 9), new LinkMark("successor", 3)], left.Marks.OrderBy(mark => mark.Sender));
        }
        Assert.Equal("successor", (await Store.Inherit(other, "dead", default))!.Successor);
        Assert.Equal("dead", await Store.FindGateway("a", default));
        Assert.False(await Store.Write(dead, OneMark(), default));

        Assert.True(await Store.TakeOver(successor, "dead", default));
        Assert.Equal("successor", await Store.FindGateway("a", default));
        Assert.Single((await Store.Load(successor, default)).Sessions);
        Assert.True(await Store.Write(successor, OneMark(), default));
    }

    [Fact]
    public async Task Sessions_of_whose_clients_another_gateway_has_newer_ones_are_found()
    {
        var (first, second) = (await Begin("first"), await Begin("second"));
        await Write(first, batch => batch.Sessions.AddRange([Session(1, "a"), Session(2, "b"), Session(9, "c")]));
        await Write(second, batch => batch.Sessions.AddRange([Session(7, "a"), Session(8, "c")]));
        Assert.Equal([new SupersededSession("a", new(7))], await Store.FindSuperseded(first, default));
        Assert.Equal([new SupersededSession("c", new(9))], await Store.FindSuperseded(second, default));
    }

    [Fact]
    public async Task The_successor_of_a_successor_has_what_both_left()
    {
        var (first, second, third) = (await Begin("first"), await Begin("second"), await Begin("third"));
        await Write(first, batch => batch.Sessions.AddRange([Session(1, "a"), Session(2, "b")]));
        await Store.Inherit(second, "first", default);
        // It dies before it could take what it inherited.
        Assert.Empty((await Store.Inherit(third, "second", default))!.Sessions.Sessions);
        Assert.False(await Store.TakeOver(second, "first", default));
        Assert.Null(await Store.Inherit(second, "third", default));
        var left = (await Store.Inherit(third, "first", default))!;
        Assert.Equal((null, "second", 2), (left.Successor, left.Through.Single(), left.Sessions.Sessions.Count));
        Assert.True(await Store.TakeOver(third, "first", default));
        Assert.Equal(2, (await Store.Load(third, default)).Sessions.Count);
    }

    [Fact]
    public async Task Who_begins_under_the_name_of_another_is_its_successor_until_that_has_failed_over()
    {
        await Write(await Begin("first", "here"), batch => batch.Sessions.Add(Session(1, "a")));
        var second = await Store.Begin("second", "here", default);
        Assert.Equal(["first"], second.Predecessors);
        Assert.Single((await Store.Load(second.Number, default)).Sessions);
        var other = await Begin("other");
        Assert.Equal("second", (await Store.Inherit(other, "first", default))!.Successor);
        Assert.Null((await Store.Inherit(second.Number, "first", default))!.Successor);
        await Store.CompleteFailover("first", default);
        Assert.Empty((await Store.Begin("second", "here", default)).Predecessors);
        Assert.Equal(0L, Convert.ToInt64(Database.Scalar("SELECT COUNT(*) FROM session_owners WHERE gateway = 'first'")));
        // Nothing is known of it, so there is nothing to take.
        Assert.Null((await Store.Inherit(other, "first", default))!.Successor);
    }

    [Fact]
    public async Task A_name_is_inherited_from_the_living_only()
    {
        await Write(await Begin("dead", "here"), batch => batch.Sessions.Add(Session(1, "a")));
        var successor = await Begin("successor");
        await Store.Inherit(successor, "dead", default);
        await Store.TakeOver(successor, "dead", default);
        var back = await Store.Begin("back", "here", default);
        Assert.Empty(back.Predecessors);
        Assert.Empty((await Store.Load(back.Number, default)).Sessions);
        Assert.Equal("successor", await Store.FindGateway("a", default));
    }

    [Fact]
    public async Task A_session_that_its_client_has_anew_elsewhere_is_not_inherited()
    {
        var (dead, living) = (await Begin("dead", "here"), await Begin("living"));
        await Write(dead, batch =>
        {
            batch.Sessions.AddRange([Session(1, "a"), Session(2, "b")]);
            batch.Subscriptions.Add(new(1, "x", 1, 0));
            batch.Deliveries.Add(new(1, 1, 0, 2, false, 1, default));
            batch.Received.Add(new(1, 1));
        });
        await Write(living, batch => batch.Sessions.Add(Session(100, "a")));
        Assert.Equal("living", await Store.FindGateway("a", default));
        Assert.Equal("b", (await Store.Inherit(await Begin("successor"), "dead", default))!.Sessions.Sessions.Single().Key);
        foreach (string table in (string[])["session_subscriptions", "session_deliveries", "session_received"])
            Assert.Equal(0L, Convert.ToInt64(Database.Scalar($"SELECT COUNT(*) FROM {table}")));
    }

    /// <summary>A process that ended without a word, and never had a name.</summary>
    [Theory, InlineData("new", "here"), InlineData("new", null)]
    public async Task A_beginning_that_failed_inherits_when_it_is_tried_again(string gateway, string? name)
    {
        await Write(await OfAnEarlierLife(), batch => batch.Sessions.Add(Session(1, "a")));
        await Assert.ThrowsAnyAsync<Exception>(() => Store.Begin(null!, name, default));
        var owner = await Store.Begin(gateway, name, default);
        Assert.Equal(["old"], owner.Predecessors);
        Assert.Equal("a", Assert.Single((await Store.Load(owner.Number, default)).Sessions).Key);
        // A further gateway of this process leaves it alone.
        await Begin("other");
        Assert.Single((await Store.Load(owner.Number, default)).Sessions);
    }

    private protected async Task<OwnerNumber> OfAnEarlierLife() => (await Database.NewSessionStore().Begin("old", null, default)).Number;

    private async Task<OwnerNumber> Begin(string gateway, string? name = null) => (await Store.Begin(gateway, name ?? gateway, default)).Number;

    private static SessionBatch OneMark()
    {
        var batch = new SessionBatch();
        batch.Marks.Add(new("x", 1));
        return batch;
    }
}
