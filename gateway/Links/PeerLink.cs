using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Links;

/// <summary>
/// The frames for one other gateway: the lock, the calls and the clock around <see cref="LinkSender"/>. A gateway that does not answer
/// costs memory, up to a bound, and never time. When it is dead, its messages wait for its successor: who published them is not told
/// that all is well before.
/// </summary>
internal sealed class PeerLink(
    string from, string to, Func<PeerBatch, Task<PeerAnswer>> send, int maxBytes, Action suspected, TimeProvider time, ILogger log)
{
    private readonly Lock _gate = new();
    private readonly LinkSender _link = new(from, to, maxBytes);
    private readonly TaskCompletionSource _dead = Background.NewSource();
    private readonly OncePerMinute _shortages = new(time);
    private ISuccessor? _successor;
    private bool _running;

    /// <summary>Whose sessions get what is published for the other gateway: its own, and those of the dead whose successor it is.</summary>
    private ImmutableArray<string> _covers = [to];

    /// <summary>Id of this gateway in the life that the link belongs to.</summary>
    public string From => from;

    public bool IsDead => _dead.Task.IsCompleted;

    /// <summary>Bytes that wait or are under way.</summary>
    public long Bytes
    {
        get { lock (_gate) return _link.Bytes; }
    }

    /// <param name="bytes">Of the payload.</param>
    /// <param name="receipt">Whether somebody waits for the other gateway to have it.</param>
    /// <returns>
    /// Completes when the other gateway, or its successor, has it; at once without <paramref name="receipt"/>. Null: too much waits
    /// already. What is no message is of no use to the successor, and is done with when the other gateway is dead.
    /// </returns>
    public Task? TryPost(LinkFrame frame, int bytes, bool receipt) => Post(frame, bytes, receipt, LinkBound.Ordinary, out _);

    /// <summary>For the frames that no link may miss, of which there are only so many, and for what has been found to have room.</summary>
    public Task Post(LinkFrame frame, int bytes = 0) => Post(frame, bytes, receipt: true, LinkBound.None, out _)!;

    /// <summary>A message: as <see cref="TryPost"/>.</summary>
    /// <param name="covered">The gateways whose sessions have it with this.</param>
    public Task? Forward(LinkFrame.Published frame, int bytes, bool receipt, LinkBound bound, out ImmutableArray<string> covered) =>
        Post(frame, bytes, receipt, bound, out covered);

    /// <summary>The gateways whose sessions have what is forwarded now.</summary>
    public ImmutableArray<string> Covers
    {
        get { lock (_gate) return _covers; }
    }

    /// <param name="bytes">Of the payload.</param>
    public bool HasRoom(int bytes, LinkBound bound)
    {
        lock (_gate) return _successor?.HasRoom(bytes, bound) ?? _link.HasRoom(bytes, bound);
    }

    /// <summary>The other gateway is dead: nothing is sent any more, and messages wait for its successor.</summary>
    public void Die()
    {
        IReadOnlyList<LinkItem> done;
        lock (_gate)
        {
            _dead.TrySetResult();
            done = _link.Die();
        }
        Complete(done);
    }

    /// <summary>What waits for the dead gateway goes to its successor, in order, and so does what still comes.</summary>
    /// <param name="storedUpTo">See <see cref="LinkSender.Redirect"/>.</param>
    public void RedirectTo(ISuccessor successor, long storedUpTo)
    {
        Die();
        IReadOnlyList<LinkItem> done;
        lock (_gate)
        {
            (done, var left) = _link.Redirect(storedUpTo);
            if (_link.IsRedirected) _successor ??= successor;
            // Under the lock, so that what comes now comes after it.
            foreach (var item in left) _ = Pass(item, successor);
        }
        Complete(done);
    }

    /// <summary>Nobody will ever have what waits: who waits for that hears so.</summary>
    public void Abandon()
    {
        Die();
        IReadOnlyList<LinkItem> left;
        lock (_gate) left = _link.Abandon();
        foreach (var item in left) item.Receipt?.TrySetException(Lost());
    }

    private Task? Post(LinkFrame frame, int bytes, bool receipt, LinkBound bound, out ImmutableArray<string> covered)
    {
        lock (_gate)
        {
            if (frame is LinkFrame.HandedOver handedOver && !_link.IsDead) _covers = [.. _covers.Union(handedOver.Dead)];
            covered = _covers;
            var taken = receipt ? Background.NewSource() : null;
            bool isMessage = frame is LinkFrame.Published or LinkFrame.Redirected;
            switch (_link.Post(new LinkItem(frame, bytes + LinkSender.FrameBytes, taken, isMessage, covered), bound))
            {
                case PostOutcome.Full:
                    if (bound == LinkBound.Reserve && _shortages.IsDue()) log.LinkFull(to, _link.Bytes);
                    return null;
                case PostOutcome.NotNeeded: return Task.CompletedTask;
                case PostOutcome.ForSuccessor when !_successor!.HasRoom(bytes, bound): return null;
                case PostOutcome.ForSuccessor: return _successor.Accept(Redirected(frame, covered), bytes);
                case PostOutcome.Lost: return Task.FromException(Lost());
            }
            if (!_running && !_link.IsDead)
            {
                _running = true;
                // Not on the caller's thread, which may hold a connection's lock.
                _ = Background.Run(Run);
            }
            return taken?.Task ?? Task.CompletedTask;
        }
    }

    private async Task Run()
    {
        while (true)
        {
            PeerBatch? batch;
            lock (_gate)
            {
                batch = _link.NextBatch();
                _running = batch is not null;
            }
            // If the gateway has died, its messages are for the successor.
            if (batch is null || !await Send(batch)) return;
            IReadOnlyList<LinkItem> received;
            lock (_gate) received = _link.Received(batch);
            Complete(received);
        }
    }

    /// <summary>Returns true when the other gateway has the batch, false if it died before it said so.</summary>
    private async Task<bool> Send(PeerBatch batch)
    {
        while (!IsDead)
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
            TimeSpan pause;
            lock (_gate) pause = _link.Failed();
            await Task.WhenAny(Task.Delay(pause, time), _dead.Task);
        }
        return false;
    }

    private static void Complete(IReadOnlyList<LinkItem> items)
    {
        for (int i = 0; i < items.Count; i++) items[i].Receipt?.TrySetResult();
    }

    private static async Task Pass(LinkItem item, ISuccessor successor)
    {
        var taken = successor.Accept(Redirected(item.Frame, item.Covers), item.Bytes - LinkSender.FrameBytes);
        await taken.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (taken.IsCompletedSuccessfully) item.Receipt?.TrySetResult();
        else item.Receipt?.TrySetException(Lost());
    }

    /// <summary>
    /// Whose sessions a message is for stays as it was: what a successor may have stored for some of them is not for those again.
    /// </summary>
    private static LinkFrame.Redirected Redirected(LinkFrame frame, ImmutableArray<string> covers) => frame switch
    {
        LinkFrame.Published published => new(covers, published.Message, published.ToAll, published.Shares),
        LinkFrame.Redirected redirected => redirected,
        _ => throw new ArgumentException($"{frame.GetType().Name} is of no use to a successor.", nameof(frame)),
    };

    private static InvalidOperationException Lost() => new("The gateway is dead, and what it left is not at another.");
}

/// <summary>
/// Who takes what was for a dead gateway. Called under the lock of the link to that one: it must not wait, and calls no other gateway's.
/// </summary>
internal interface ISuccessor
{
    /// <param name="bytes">Of a payload.</param>
    bool HasRoom(int bytes, LinkBound bound);

    /// <param name="bytes">Of the payload.</param>
    /// <returns>Completes when the sessions that the dead gateway left have it; fails if they do not.</returns>
    Task Accept(LinkFrame.Redirected frame, int bytes);
}
