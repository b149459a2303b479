using Fleet.Silo.Storage;

namespace Fleet.UnitTests.Storage;

/// <summary>
/// Many writers, each counting up a record of its own as a grain does: after an error it does not know what is stored, and reads. They check
/// what they read: no acknowledged count is missing, and nothing is there that nobody wrote.
/// </summary>
internal sealed class Counters(TestDatabase database, int writers)
{
    private readonly int[] _acknowledged = new int[writers];
    private int _failures;
    private int _landedUnacknowledged;

    /// <summary>Writes that ended in an error.</summary>
    public int Failures => Volatile.Read(ref _failures);

    /// <summary>Writes that ended in an error, and were found to be stored.</summary>
    public int LandedUnacknowledged => Volatile.Read(ref _landedUnacknowledged);

    public int Acknowledged => _acknowledged.Sum(count => Volatile.Read(ref count));

    /// <summary>Counts until it is cancelled, and then until each writer has read what is stored.</summary>
    public Task Run(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(() => Count(w, stop))));

    private async Task Count(int writer, CancellationToken stop)
    {
        string key = $"c{writer}";
        var record = await Read(key);
        while (!stop.IsCancellationRequested)
        {
            int next = record.State!.Count + 1;
            try
            {
                record.State = new CounterState { Count = next };
                await database.Grains.WriteStateAsync("counter", Orleans.Runtime.GrainId.Create("counter", key), record, CancellationToken.None);
                _acknowledged[writer] = next;
            }
            catch (StorageException)
            {
                Interlocked.Increment(ref _failures);
                record = await Read(key);
                Assert.InRange(record.State!.Count, _acknowledged[writer], next);
                if (record.State.Count == next) Interlocked.Increment(ref _landedUnacknowledged);
                _acknowledged[writer] = record.State.Count;
            }
        }
        Assert.Equal(_acknowledged[writer], (await Read(key)).State!.Count);
    }

    // As long as it takes: the database comes back.
    private async Task<Orleans.GrainState<CounterState>> Read(string key)
    {
        while (true)
        {
            try
            {
                return await database.Read<CounterState>("counter", key);
            }
            catch (StorageException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            }
        }
    }
}
