using System.Collections.Concurrent;

namespace Fleet.ConformanceTests;

/// <summary>
/// What grains tell the test, and where they wait for it. Waiting is for an event, with a limit only for tests that fail.
/// </summary>
internal sealed class Journal
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _events = new();
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines];

    public void Write(string line)
    {
        _lines.Enqueue(line);
        Happen(line);
    }

    public void Happen(string what) => Event(what).TrySetResult();

    public Task Until(string what) => Event(what).Task.WaitAsync(Limit, TimeProvider.System);

    private TaskCompletionSource Event(string what) =>
        _events.GetOrAdd(what, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
