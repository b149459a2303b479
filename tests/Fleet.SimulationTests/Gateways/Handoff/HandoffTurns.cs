namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>Virtual time and chance, from one seed. Everything runs on the thread that calls <see cref="RunUntil"/>.</summary>
internal sealed class HandoffTurns(int seed) : SynchronizationContext
{
    private const int MaxTurns = 1_000_000;

    private readonly PriorityQueue<Action, (long At, long Order)> _queue = new();
    private readonly Random _random = new(seed);
    private long _order, _turns;

    /// <summary>Milliseconds since the beginning.</summary>
    public long Now { get; private set; }

    public bool Chance(double rate) => _random.NextDouble() < rate;

    public int Next(int below) => _random.Next(below);

    public int Between(int least, int most) => _random.Next(least, most + 1);

    public T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];

    public void After(long ms, Action action) => _queue.Enqueue(action, (Now + ms, _order++));

    /// <summary>What awaits does so on the simulation's thread.</summary>
    public override void Post(SendOrPostCallback d, object? state) => After(0, () => d(state));

    /// <summary>Whoever waits for it goes on after this turn: not in the middle of it.</summary>
    public void Complete(TaskCompletionSource? waited)
    {
        if (waited is not null) After(0, () => waited.TrySetResult());
    }

    public Task Delay(long ms)
    {
        var done = new TaskCompletionSource();
        After(ms, done.SetResult);
        return done.Task;
    }

    /// <param name="afterEach">Called after each turn.</param>
    public void RunUntil(long end, Action afterEach)
    {
        while (_queue.TryPeek(out var action, out var due) && due.At <= end)
        {
            _queue.Dequeue();
            if (++_turns > MaxTurns) throw new InvalidOperationException("Something goes round in circles.");
            Now = due.At;
            action();
            afterEach();
        }
        Now = end;
    }
}
