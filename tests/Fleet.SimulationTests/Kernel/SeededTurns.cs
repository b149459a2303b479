using Fleet.Testing.Grains;

namespace Fleet.SimulationTests.Kernel;

/// <summary>Runs turns one by one on one thread. Which of the owners that are ready goes next is drawn from the seed.</summary>
internal sealed class SeededTurns(Random random)
{
    private readonly List<(Process Process, TurnScheduler Owner)> _ready = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;

    private volatile Exception? _escape;

    /// <summary>Something ran where the seed has no say: on the thread pool.</summary>
    public Exception? Escape => _escape;

    /// <summary>Turns run so far.</summary>
    public long Count { get; private set; }

    /// <summary>Whose turn it is; null between turns.</summary>
    public Process? Running { get; private set; }

    /// <returns>False when nobody is ready.</returns>
    public bool TryRunOne()
    {
        while (_ready.Count > 0)
        {
            int which = _ready.Count == 1 ? 0 : random.Next(_ready.Count);
            var (process, owner) = _ready[which];
            _ready[which] = _ready[^1];
            _ready.RemoveAt(_ready.Count - 1);
            if (process.IsDead) continue;
            Count++;
            Running = process;
            owner.Run();
            Running = null;
            return true;
        }
        return false;
    }

    /// <summary>
    /// What runs together and dies together: a service process, or the world outside of it. Its turns end where they are when it dies.
    /// </summary>
    public sealed class Process(SeededTurns all) : ITurnExecutor
    {
        public bool IsDead { get; set; }

        public bool RunsAllThatWaits => true;

        public void Submit(TurnScheduler owner)
        {
            if (Environment.CurrentManagedThreadId != all._thread)
            {
                all._escape ??= new InvalidOperationException($"A turn was queued by another thread, so what follows is not repeatable: {Environment.StackTrace}");
                return;
            }
            if (!IsDead) all._ready.Add((this, owner));
        }
    }
}
