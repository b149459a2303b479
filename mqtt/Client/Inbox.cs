namespace Fleet.Mqtt;

/// <summary>
/// Hands messages to the handler one at a time, in order. While the handler returns at once it is simply called; when it awaits,
/// messages queue up and the reader goes on, so that a handler may await acknowledgements of its own.
/// </summary>
/// <param name="acknowledge">Called with the packet identifier of a QoS 1 or 2 message that was handled.</param>
/// <param name="failed">Called if the handler throws; nothing is handed to it afterwards.</param>
internal sealed class Inbox(Func<IncomingMessage, ValueTask>? handler, Action<ushort, Qos> acknowledge, Action<Exception> failed)
{
    /// <summary>Messages that wait for a slow handler before the connection is no longer read.</summary>
    private const int MaxQueued = 1024;

    private readonly Lock _gate = new();
    private readonly Queue<(IncomingMessage Message, ushort PacketId)> _queue = new(0);
    private TaskCompletionSource? _room;
    private bool _busy, _ended;

    /// <returns>Completes when the next message may be handed over.</returns>
    public Task Deliver(IncomingMessage message, ushort packetId)
    {
        lock (_gate)
        {
            if (_ended) return Task.CompletedTask;
            if (_busy)
            {
                _queue.Enqueue((message, packetId));
                return _queue.Count < MaxQueued ? Task.CompletedTask
                    : (_room ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            _busy = true;
        }
        // Runs as far as it goes at once: with a handler that does not await, all of it.
        _ = HandleAll(message, packetId);
        return Task.CompletedTask;
    }

    /// <summary>Drops what is queued.</summary>
    public void End()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            _ended = true;
            _queue.Clear();
            room = _room;
        }
        room?.TrySetResult();
    }

    private async Task HandleAll(IncomingMessage message, ushort packetId)
    {
        try
        {
            while (true)
            {
                if (handler is not null) await handler(message).ConfigureAwait(false);
                if (Finish(packetId, message.Qos, out var next)) return;
                (message, packetId) = next;
            }
        }
        catch (Exception e)
        {
            // The handler is the caller's code: whatever it throws ends the connection and is found in Closed.
            End();
            failed(e);
        }
    }

    /// <returns>True if nothing is left to handle.</returns>
    private bool Finish(ushort packetId, Qos qos, out (IncomingMessage Message, ushort PacketId) next)
    {
        if (packetId != 0) acknowledge(packetId, qos);
        TaskCompletionSource? room = null;
        bool empty;
        lock (_gate)
        {
            empty = !_queue.TryDequeue(out next);
            if (empty) _busy = false;
            if (_queue.Count < MaxQueued / 2) (room, _room) = (_room, null);
        }
        room?.TrySetResult();
        return empty;
    }
}
