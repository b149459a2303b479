namespace Fleet.Grains.Rollouts;

/// <summary>
/// Lets commands that arrive together be decided together and share one write: a thousand devices that report at once cost a shard
/// one write and not a thousand. The first command after a quiet time goes at once; the next ones wait until
/// <paramref name="spacing"/> has passed.
/// </summary>
/// <param name="handle">Decides, writes, and answers each command in order. One call at a time.</param>
/// <remarks>For one activation: its turns never overlap, so there is nothing to lock.</remarks>
internal sealed class CommandBatcher<TCommand, TAnswer>(
    TimeProvider clock, TimeSpan spacing, Func<IReadOnlyList<TCommand>, Task<IReadOnlyList<TAnswer>>> handle)
{
    private readonly List<(TCommand Command, TaskCompletionSource<TAnswer> Answer)> _waiting = [];
    private bool _running;
    private long? _lastAt;

    /// <summary>The answer, once what it says is stored.</summary>
    public Task<TAnswer> Submit(TCommand command)
    {
        var answer = new TaskCompletionSource<TAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting.Add((command, answer));
        if (!_running) _ = Run();
        return answer.Task;
    }

    private async Task Run()
    {
        _running = true;
        while (_waiting.Count > 0)
        {
            if (_lastAt is { } last && spacing - clock.GetElapsedTime(last) is { Ticks: > 0 } rest) await Task.Delay(rest, clock);
            _lastAt = clock.GetTimestamp();
            var batch = _waiting.ToArray();
            _waiting.Clear();
            await Handle(batch);
        }
        _running = false;
    }

    private async Task Handle((TCommand Command, TaskCompletionSource<TAnswer> Answer)[] batch)
    {
        try
        {
            var answers = await handle([.. batch.Select(t => t.Command)]);
            for (int i = 0; i < batch.Length; i++) batch[i].Answer.SetResult(answers[i]);
        }
        catch (Exception e)
        {
            // It belongs to everybody whose command was in the batch; each of them meets it where they wait.
            foreach (var (_, answer) in batch) answer.TrySetException(e);
        }
    }
}
