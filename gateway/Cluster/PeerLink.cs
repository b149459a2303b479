using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// The words for one other gateway: in order, one batch under way at a time, repeated until it is answered. What waits is bounded in bytes, so that
/// a gateway that does not answer costs memory and never time; when it is dead, the link is abandoned and nobody waits for it any more.
/// </summary>
internal sealed class PeerLink(string from, string to, Func<PeerBatch, Task<PeerAnswer>> send, int maxBytes, Action suspected, TimeProvider time, ILogger log)
{
    private const int MaxBatchWords = 256, MaxBatchBytes = 1024 * 1024;

    /// <summary>What a word costs beside its payload, about.</summary>
    private const int WordBytes = 128;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Queue<Item> _waiting = new();
    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes, _nextNumber = 1;
    private bool _running;

    public bool IsAbandoned => _abandoned.Task.IsCompleted;

    /// <summary>Bytes that wait or are under way.</summary>
    public long Bytes
    {
        get { lock (_gate) return _bytes; }
    }

    /// <param name="bytes">Of the payload.</param>
    /// <param name="receipt">Whether somebody waits for the other gateway to have it.</param>
    /// <returns>Completes when the other gateway has it, or is dead; at once without <paramref name="receipt"/>. Null: too much waits already.</returns>
    public Task? TryPost(PeerWord word, int bytes, bool receipt) => Post(word, bytes, receipt, bounded: true);

    /// <summary>For the words that no link may miss, of which there are only so many, and for what has been found to have room.</summary>
    public Task Post(PeerWord word, int bytes = 0) => Post(word, bytes, receipt: true, bounded: false)!;

    /// <param name="bytes">Of the payload.</param>
    public bool HasRoom(int bytes)
    {
        lock (_gate) return HasRoomFor(bytes + WordBytes);
    }

    public void Abandon()
    {
        _abandoned.TrySetResult();
        Item[] left;
        lock (_gate)
        {
            left = [.. _waiting];
            _waiting.Clear();
        }
        foreach (var item in left) item.Taken?.TrySetResult();
    }

    private Task? Post(PeerWord word, int bytes, bool receipt, bool bounded)
    {
        TaskCompletionSource? taken;
        lock (_gate)
        {
            if (IsAbandoned) return Task.CompletedTask;
            int size = bytes + WordBytes;
            if (bounded && !HasRoomFor(size)) return null;
            taken = receipt ? new(TaskCreationOptions.RunContinuationsAsynchronously) : null;
            _waiting.Enqueue(new Item(word, size, taken));
            _bytes += size;
            if (!_running)
            {
                _running = true;
                // Not on the caller's thread, which may hold a connection's lock.
                _ = Task.Run(Run);
            }
        }
        return taken?.Task ?? Task.CompletedTask;
    }

    private bool HasRoomFor(int size) => _bytes == 0 || _bytes + size <= maxBytes || IsAbandoned;

    private async Task Run()
    {
        while (true)
        {
            List<Item> items = [];
            PeerBatch batch;
            int bytes = 0;
            lock (_gate)
            {
                while (items.Count < MaxBatchWords && bytes < MaxBatchBytes && _waiting.TryDequeue(out var item))
                {
                    items.Add(item);
                    bytes += item.Bytes;
                }
                if (items.Count == 0)
                {
                    _running = false;
                    return;
                }
                batch = new PeerBatch(from, _nextNumber, [.. items.Select(item => item.Word)]);
                _nextNumber += items.Count;
            }
            await Send(batch);
            lock (_gate) _bytes -= bytes;
            foreach (var item in items) item.Taken?.TrySetResult();
        }
    }

    /// <summary>Returns when the other gateway has the batch, or the link is abandoned.</summary>
    private async Task Send(PeerBatch batch)
    {
        for (var pause = FirstPause; !IsAbandoned; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                var answer = send(batch);
                // Once it is abandoned, the other gateway is dead, and so is what was for it.
                if (await Task.WhenAny(answer, _abandoned.Task) != answer || await answer == PeerAnswer.Taken) return;
                log.PeerRefused(to, await answer);
                suspected();
            }
            catch (Exception e)
            {
                // Whether it arrived is not known. It is sent again, and the receiver drops what it has.
                log.PeerFailed(to, e);
            }
            await Task.WhenAny(Task.Delay(pause, time), _abandoned.Task);
        }
    }

    private readonly record struct Item(PeerWord Word, int Bytes, TaskCompletionSource? Taken);
}
