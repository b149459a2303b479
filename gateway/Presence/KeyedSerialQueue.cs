namespace Fleet.Gateway.Presence;

/// <summary>Runs work one after the other per key, and at once among keys. A key without work costs nothing.</summary>
internal sealed class KeyedSerialQueue
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task> _tails = new(StringComparer.Ordinal);

    /// <summary>Runs <paramref name="work"/> after all that was enqueued for the key before, however that ended.</summary>
    public Task Enqueue(string key, Func<Task> work)
    {
        var mine = Background.NewSource();
        Task before;
        lock (_gate)
        {
            before = _tails.GetValueOrDefault(key) ?? Task.CompletedTask;
            _tails[key] = mine.Task;
        }
        return Run(key, before, work, mine);
    }

    /// <summary>Completes when nothing is left of what was enqueued so far.</summary>
    public Task Idle()
    {
        lock (_gate) return Task.WhenAll(_tails.Values);
    }

    private async Task Run(string key, Task before, Func<Task> work, TaskCompletionSource mine)
    {
        await before;
        try
        {
            await work();
        }
        finally
        {
            lock (_gate)
            {
                if (_tails.GetValueOrDefault(key) == mine.Task) _tails.Remove(key);
            }
            mine.SetResult();
        }
    }
}
