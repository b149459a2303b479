using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

/// <summary>
/// A grain that does what a test tells it. "Holding" is to write "name begins", to wait for "release name", and to write "name ends".
/// </summary>
public interface IWorkerGrain : IGrainWithStringKey
{
    Task Hold(string name);

    [AlwaysInterleave]
    Task HoldInterleaving(string name);

    [ReadOnly]
    Task HoldReadOnly(string name);

    [ResponseTimeout("00:00:01")]
    Task HoldBriefly(string name);

    [OneWay]
    Task HoldOneWay(string name);

    Task<bool> HoldUntilCanceled(string name, CancellationToken cancellation);

    Task<int> AddSlowly(int value);

    Task Note(string line);

    Task ThrowAtOnce();

    Task<int> ThrowLater();

    [OneWay]
    Task ThrowOneWay();

    Task CallBackThrough(string otherKey);

    Task<bool> IsInOneTurnAfterAwaits();

    Task DeactivateNow();

    Task Stay(TimeSpan time);

    Task<int> ActivationNumber();
}

public interface IReentrantWorkerGrain : IGrainWithStringKey
{
    Task Hold(string name);

    Task<int> AddSlowly(int value);
}

internal sealed class WorkerGrain(Journal journal) : Grain, IWorkerGrain
{
    private static int _activations;
    private readonly int _number = Interlocked.Increment(ref _activations);
    private int _sum;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        journal.Write($"{this.GetPrimaryKeyString()} activated");
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Write($"{this.GetPrimaryKeyString()} deactivated: {reason.ReasonCode}");
        return Task.CompletedTask;
    }

    public async Task Hold(string name)
    {
        journal.Write($"{name} begins");
        await journal.Until($"release {name}");
        journal.Write($"{name} ends");
    }

    public Task HoldInterleaving(string name) => Hold(name);

    public Task HoldReadOnly(string name) => Hold(name);

    public Task HoldBriefly(string name) => Hold(name);

    public Task HoldOneWay(string name) => Hold(name);

    public async Task<bool> HoldUntilCanceled(string name, CancellationToken cancellation)
    {
        var scheduler = TaskScheduler.Current;
        var canceled = new TaskCompletionSource<bool>();
        cancellation.Register(() => canceled.SetResult(TaskScheduler.Current == scheduler), useSynchronizationContext: false);
        journal.Write($"{name} begins");
        bool inTurn = await canceled.Task;
        journal.Write($"{name} canceled, in turn: {inTurn}");
        return inTurn;
    }

    public async Task<int> AddSlowly(int value)
    {
        int before = _sum;
        await Task.Yield();
        return _sum = before + value;
    }

    public Task Note(string line)
    {
        journal.Write(line);
        return Task.CompletedTask;
    }

    public Task ThrowAtOnce() => throw new InvalidDataException("at once");

    public async Task<int> ThrowLater()
    {
        await Task.Yield();
        throw new InvalidDataException("later");
    }

    public Task ThrowOneWay() => throw new InvalidDataException("one way");

    public Task CallBackThrough(string otherKey) => otherKey == ""
        ? Task.CompletedTask
        : GrainFactory.GetGrain<IWorkerGrain>(otherKey).CallBackThrough(this.GetPrimaryKeyString());

    public async Task<bool> IsInOneTurnAfterAwaits()
    {
        var scheduler = TaskScheduler.Current;
        await Task.Yield();
        await Task.Run(() => { });
        await GrainFactory.GetGrain<IWorkerGrain>("other").Note("called");
        return scheduler != TaskScheduler.Default && TaskScheduler.Current == scheduler;
    }

    public Task DeactivateNow()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task Stay(TimeSpan time)
    {
        DelayDeactivation(time);
        return Task.CompletedTask;
    }

    public Task<int> ActivationNumber() => Task.FromResult(_number);
}

[Reentrant]
internal sealed class ReentrantWorkerGrain(Journal journal) : Grain, IReentrantWorkerGrain
{
    private int _sum;

    public async Task Hold(string name)
    {
        journal.Write($"{name} begins");
        await journal.Until($"release {name}");
    }

    public async Task<int> AddSlowly(int value)
    {
        await Task.Yield();
        // No await between reading and writing: turns do not overlap, though requests do.
        int before = _sum;
        for (int i = 0; i < 100; i++) Thread.Yield();
        return _sum = before + value;
    }
}
