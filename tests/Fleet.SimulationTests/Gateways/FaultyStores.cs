using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.SimulationTests.Kernel;
using Fleet.UnitTests.Gateway.Journal;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// A database: slow, and failing before or after what it was asked for is there. What a gateway had under way when it was killed lands
/// or does not.
/// </summary>
internal sealed class FaultyDatabase(GatewayWorld world, Random random)
{
    public Task<T> Do<T>(string what, Func<T> perform)
    {
        var caller = world.Turns.Running!;
        var done = new TaskCompletionSource<T>();
        world.Outside.After(TimeSpan.FromMilliseconds(random.Next(world.GatewayFaults.StoreMilliseconds + 1)), () =>
        {
            if (caller.IsDead && random.Next(2) == 0) return;
            if (random.Chance(world.GatewayFaults.StoreFails))
            {
                Fail($"{what} fails");
                return;
            }
            T result;
            try { result = perform(); }
            catch (Exception e)
            {
                done.SetException(e);
                return;
            }
            if (random.Chance(world.GatewayFaults.StoreFailsAfterItLanded)) Fail($"{what} fails (it landed)");
            else done.SetResult(result);
        });
        return done.Task;

        void Fail(string how)
        {
            world.Tell("database", () => how);
            done.SetException(new IOException($"The simulated database: {how}."));
        }
    }
}

/// <summary>Persistent sessions, for all gateways.</summary>
internal sealed class FaultySessionStore(FaultyDatabase database, MemorySessionStore store) : ISessionStore
{
    public Task<OwningGateway> Begin(string gatewayId, string? name, CancellationToken cancellation) =>
        database.Do(nameof(Begin), () => store.Begin(gatewayId, name, cancellation).Result);

    public Task<StoredSessions> Load(OwnerNumber owner, CancellationToken cancellation) =>
        database.Do(nameof(Load), () => store.Load(owner, cancellation).Result);

    public Task<IReadOnlyList<SupersededSession>> FindSuperseded(OwnerNumber owner, CancellationToken cancellation) =>
        database.Do(nameof(FindSuperseded), () => store.FindSuperseded(owner, cancellation).Result);

    public Task<bool> Write(OwnerNumber owner, SessionBatch batch, CancellationToken cancellation) =>
        database.Do(nameof(Write), () => store.Write(owner, batch, cancellation).Result);

    public Task<Inheritance?> Inherit(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation) =>
        database.Do(nameof(Inherit), () => store.Inherit(owner, deadGatewayId, cancellation).Result);

    public Task<bool> TakeOver(OwnerNumber owner, string deadGatewayId, CancellationToken cancellation) =>
        database.Do(nameof(TakeOver), () => store.TakeOver(owner, deadGatewayId, cancellation).Result);

    public Task CompleteFailover(string deadGatewayId, CancellationToken cancellation) =>
        database.Do(nameof(CompleteFailover), () => store.CompleteFailover(deadGatewayId, cancellation));

    public Task<string?> FindGateway(string key, CancellationToken cancellation) =>
        database.Do(nameof(FindGateway), () => store.FindGateway(key, cancellation).Result);
}

/// <summary>Retained messages, for all gateways.</summary>
internal sealed class FaultyRetainedStore(FaultyDatabase database) : IRetainedStore
{
    private readonly SortedDictionary<string, RetainedMessage> _messages = new(StringComparer.Ordinal);
    private long _version;

    public IReadOnlyDictionary<string, RetainedMessage> Messages => _messages;

    public async IAsyncEnumerable<RetainedMessage> Load(
        long afterVersion, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var messages = await database.Do(nameof(Load), () =>
            _messages.Values.Where(message => message.Version > afterVersion).OrderBy(message => message.Version).ToArray());
        foreach (var message in messages) yield return message;
    }

    public Task<long> Set(RetainedMessage message, CancellationToken cancellation) => database.Do(nameof(Set), () =>
    {
        _messages[message.Topic] = message with { Version = ++_version };
        return _version;
    });

    public Task<long> Delete(string topic, CancellationToken cancellation) =>
        Set(new RetainedMessage(topic, default, 0, default, DateTimeOffset.UnixEpoch, null), cancellation);
}
