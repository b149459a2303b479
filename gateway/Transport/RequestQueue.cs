using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Channels;

namespace Fleet.Gateway.Transport;

/// <summary>
/// One connection's requests to reserved topics, one after the other: two updates of a job must not overtake each other. What was taken is
/// finished even if the connection ends (spec/aws-iot-topics.md, section 10: settle the update before honouring DISCONNECT).
/// </summary>
/// <param name="onPool">Handle nothing on the caller's thread.</param>
internal sealed class RequestQueue(
    Func<ReservedRequest, ValueTask<bool>> handle, Action<AckTicket?, bool> completed, int maxWaiting, bool onPool = false)
{
    private readonly Lock _gate = new();
    private readonly Queue<ChannelEffect.Handle> _waiting = new(0);
    private TaskCompletionSource? _idle;
    private bool _running;

    /// <summary>
    /// Handles the request now if nothing is before it; what is answered at once is finished on return, unless it goes by the pool.
    /// </summary>
    /// <returns>False if too many wait already.</returns>
    public bool TryAdd(ChannelEffect.Handle request)
    {
        lock (_gate)
        {
            if (_waiting.Count >= maxWaiting) return false;
            _waiting.Enqueue(request);
            if (_running) return true;
            _running = true;
        }
        _ = Run();
        return true;
    }

    /// <summary>Completes when none is left.</summary>
    public Task Idle()
    {
        lock (_gate)
            return _running
                ? (_idle ??= Background.NewSource()).Task : Task.CompletedTask;
    }

    private async Task Run()
    {
        if (onPool) await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            ChannelEffect.Handle next;
            lock (_gate)
            {
                if (!_waiting.TryDequeue(out next!))
                {
                    _running = false;
                    Interlocked.Exchange(ref _idle, null)?.SetResult();
                    return;
                }
            }
            bool good = await handle(next.Request);
            completed(next.Ticket, good);
        }
    }
}
