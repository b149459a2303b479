using Fleet.Gateway.Journal;

namespace Fleet.UnitTests.Storage;

/// <summary>What tests of a session store need, whichever database it is on.</summary>
public abstract class SessionStoreTestsOn<TDatabase> : IAsyncDisposable where TDatabase : TestDatabase, new()
{
    private protected TDatabase Database { get; } = new();

    private protected ISessionStore Store => Database.Sessions;

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
    }

    private protected async Task Write(OwnerNumber owner, Action<SessionBatch> fill)
    {
        var batch = new SessionBatch();
        fill(batch);
        Assert.True(await Store.Write(owner, batch, default));
    }

    private protected static SessionRow Session(long id, string key) => new()
    {
        Id = id,
        Key = key,
        Epoch = new(id),
        Kind = "plain",
        ClientId = key,
        ConnectionId = $"session-{id}",
        RemoteAddress = "10.0.0.1",
        ExpirySeconds = uint.MaxValue,
        MaybeSent = 0,
    };
}
