using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// The frames for one other gateway: in order, one batch under way at a time, repeated until it is answered. What waits is bounded in
/// bytes, so that a gateway that does not answer costs memory and never time. When it is dead, its messages wait for its successor: who
/// published them is not told that all is well before.
/// </summary>
internal sealed class PeerLink(string from, string to, Func<PeerBatch, Task<PeerAnswer>> send, int maxBytes, Action suspected, TimeProvider time, ILogger log)
{
    private const int MaxBatchFrames = 256, MaxBatchBytes = 1024 * 1024;

    /// <summary>What a frame costs beside its payload, about.</summary>
    private const int FrameBytes = 128;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Queue<Item> _waiting = new();
    private readonly TaskCompletionSource _dead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<Item> _underWay = [];
    private ISuccessor? _successor;

    /// <summary>Whose sessions get what is published for the other gateway: its own, and those of the dead whose successor it is.</summary>
    private ImmutableArray<string> _covers = [to];
    private long _bytes, _nextNumber = 1;
    private bool _running, _abandoned;

    public bool IsDead => _dead.Task.IsCompleted;

    /// <summary>Bytes that wait or are under way.</summary>
    public long Bytes
    {
        get { lock (_gate) return _bytes; }
    }

    /// <param name="bytes">Of the payload.</param>
    /// <param name="receipt">Whether somebody waits for the other gateway to have it.</param>
    /// <returns>
    /// Completes when the other gateway, or its successor, has it; at once without <paramref name="receipt"/>. Null: too much waits
    /// already. What is no message is of no use to the successor, and is done with when the other gateway is dead.
    /// </returns>
    public Task? TryPost(LinkFrame frame, int bytes, bool receipt) => Post(frame, bytes, receipt, bounded: true, out _);

    /// <summary>For the frames that no link may miss, of which there are only so many, and for what has been found to have room.</summary>
    public Task Post(LinkFrame frame, int bytes = 0) => Post(frame, bytes, receipt: true, bounded: false, out _)!;

    /// <summary>A message: as <see cref="TryPost"/> without a receipt, and unbounded with one.</summary>
    /// <param name="covered">The gateways whose sessions have it with this.</param>
    public Task? Forward(LinkFrame.Published frame, int bytes, bool receipt, out ImmutableArray<string> covered) =>
        Post(frame, bytes, receipt, bounded: !receipt, out covered);

    /// <summary>The gateways whose sessions have what is forwarded now.</summary>
    public ImmutableArray<string> Covers
    {
        get { lock (_gate) return _covers; }
    }

    /// <param name="bytes">Of the payload.</param>
    public bool HasRoom(int bytes)
    {
        lock (_gate) return _successor?.HasRoom(bytes) ?? HasRoomFor(bytes + FrameBytes);
    }

    /// <summary>The other gateway is dead: nothing is sent any more, and messages wait for its successor.</summary>
    public void Die()
    {
        List<Item> done;
        lock (_gate)
        {
            _dead.TrySetResult();
            done = [.. _underWay.Concat(_waiting).Where(item => !item.IsMessage)];
        }
        foreach (var item in done) item.Receipt?.TrySetResult();
    }

    /// <summary>What waits for the dead gateway goes to its successor, in order, and so does what still comes.</summary>
    /// <param name="storedUpTo">
    /// Number of the last frame that the dead gateway had stored: up to there its sessions have everything.
    /// </param>
    public void RedirectTo(ISuccessor successor, long storedUpTo)
    {
        Die();
        lock (_gate)
        {
            // A successor that is dead as well has one of its own.
            if (_successor is not null || _abandoned) return;
            _successor = successor;
            long number = _nextNumber - _underWay.Count;
            foreach (var item in _underWay.Concat(_waiting))
            {
                if (number++ <= storedUpTo || !item.IsMessage) item.Receipt?.TrySetResult();
                else _ = Pass(item, successor);
            }
            (_underWay, _bytes) = ([], 0);
            _waiting.Clear();
        }
    }

    /// <summary>Nobody will ever have what waits: who waits for that hears so.</summary>
    public void Abandon()
    {
        Die();
        List<Item> left;
        lock (_gate)
        {
            // Whoever matched it a moment ago finds the successor.
            if (_successor is not null) return;
            _abandoned = true;
            left = [.. _underWay, .. _waiting];
            (_underWay, _bytes) = ([], 0);
            _waiting.Clear();
        }
        foreach (var item in left) item.Receipt?.TrySetException(Lost());
    }

    private Task? Post(LinkFrame frame, int bytes, bool receipt, bool bounded, out ImmutableArray<string> covered)
    {
        lock (_gate)
        {
            if (frame is LinkFrame.HandedOver handedOver && !IsDead) _covers = [.. _covers.Union(handedOver.Dead)];
            covered = _covers;
            bool isMessage = frame is LinkFrame.Published or LinkFrame.Redirected;
            if (IsDead && !(isMessage && receipt)) return Task.CompletedTask;
            if (_abandoned) return Task.FromException(Lost());
            // Under the lock, so that it comes after what has waited.
            if (_successor is not null) return _successor.Accept(Redirected(frame, covered), bytes);
            int size = bytes + FrameBytes;
            if (bounded && !HasRoomFor(size)) return null;
            var taken = receipt ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) : null;
            _waiting.Enqueue(new Item(frame, size, taken, isMessage, covered));
            _bytes += size;
            if (!_running && !IsDead)
            {
                _running = true;
                // Not on the caller's thread, which may hold a connection's lock.
                _ = Task.Run(Run);
            }
            return taken?.Task ?? Task.CompletedTask;
        }
    }

    private bool HasRoomFor(int size) => _bytes == 0 || _bytes + size <= maxBytes;

    private async Task Run()
    {
        while (true)
        {
            List<Item> items = [];
            PeerBatch batch;
            int bytes = 0;
            lock (_gate)
            {
                while (!IsDead && items.Count < MaxBatchFrames && bytes < MaxBatchBytes && _waiting.TryDequeue(out var item))
                {
                    items.Add(item);
                    bytes += item.Bytes;
                }
                if (items.Count == 0)
                {
                    _running = false;
                    return;
                }
                batch = new PeerBatch(from, _nextNumber, [.. items.Select(item => item.Frame)]);
                _nextNumber += items.Count;
                _underWay = items;
            }
            // If it is dead, they are for the successor.
            if (!await Send(batch)) return;
            lock (_gate)
            {
                if (_underWay != items) return;
                _underWay = [];
                _bytes -= bytes;
            }
            foreach (var item in items) item.Receipt?.TrySetResult();
        }
    }

    /// <summary>Returns true when the other gateway has the batch, false if it died before it said so.</summary>
    private async Task<bool> Send(PeerBatch batch)
    {
        for (var pause = FirstPause; !IsDead; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                var answer = send(batch);
                if (await Task.WhenAny(answer, _dead.Task) != answer) return false;
                if (await answer == PeerAnswer.Received) return true;
                log.PeerRefused(to, await answer);
                suspected();
            }
            catch (Exception e)
            {
                // Whether it arrived is not known. It is sent again, and the receiver drops what it has.
                log.PeerFailed(to, e);
            }
            await Task.WhenAny(Task.Delay(pause, time), _dead.Task);
        }
        return false;
    }

    private static async Task Pass(Item item, ISuccessor successor)
    {
        var taken = successor.Accept(Redirected(item.Frame, item.Covers), item.Bytes - FrameBytes);
        await taken.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (taken.IsCompletedSuccessfully) item.Receipt?.TrySetResult();
        else item.Receipt?.TrySetException(Lost());
    }

    /// <summary>Whose sessions a message is for stays as it was: what a successor may have stored for some of them is not for those again.</summary>
    private static LinkFrame.Redirected Redirected(LinkFrame frame, ImmutableArray<string> covers) => frame switch
    {
        LinkFrame.Published published => new(covers, published.Message, published.ToAll, published.Shares),
        LinkFrame.Redirected redirected => redirected,
        _ => throw new ArgumentException($"{frame.GetType().Name} is of no use to a successor.", nameof(frame)),
    };

    private static InvalidOperationException Lost() => new("The gateway is dead, and what it left is not at another.");

    private readonly record struct Item(LinkFrame Frame, int Bytes, TaskCompletionSource? Receipt, bool IsMessage, ImmutableArray<string> Covers);
}

/// <summary>Who takes what was for a dead gateway. Called under the lock of the link to that one: it must not wait, and calls no other gateway's.</summary>
internal interface ISuccessor
{
    /// <param name="bytes">Of a payload.</param>
    bool HasRoom(int bytes);

    /// <param name="bytes">Of the payload.</param>
    /// <returns>Completes when the sessions that the dead gateway left have it; fails if they do not.</returns>
    Task Accept(LinkFrame.Redirected frame, int bytes);
}
