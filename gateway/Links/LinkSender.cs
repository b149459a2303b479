using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;

namespace Fleet.Gateway.Links;

/// <summary>A frame that waits for another gateway.</summary>
/// <param name="Bytes">What it counts towards the link's bound.</param>
/// <param name="Receipt">
/// Completed by the shell when the other gateway, or its successor, has the frame; null: nobody waits for that.
/// </param>
/// <param name="IsMessage">It goes to the successor when the other gateway is dead; any other frame is of no use there.</param>
/// <param name="Covers">The gateways whose sessions have what it brings: fixed when it is posted, and the same for a successor.</param>
internal readonly record struct LinkItem(
    LinkFrame Frame, int Bytes, TaskCompletionSource? Receipt, bool IsMessage, ImmutableArray<string> Covers);

/// <summary>How much may wait on a link before a frame is not taken.</summary>
internal enum LinkBound
{
    /// <summary><see cref="ClusterOptions.MaxForwardBytes"/>: for QoS 0, and for what its publisher sends again.</summary>
    Ordinary,

    /// <summary>Twice as much: for messages that nobody would send again. They keep their place among the others.</summary>
    Reserve,

    /// <summary>For the frames that no link may miss, of which there are only so many, and for what has been found to have room.</summary>
    None,
}

/// <summary>What became of a frame that was posted.</summary>
internal enum PostOutcome
{
    Queued,

    /// <summary>Too much waits already; nothing has changed.</summary>
    Full,

    /// <summary>The other gateway is dead, and the frame is of no use to its successor.</summary>
    NotNeeded,

    /// <summary>The other gateway's successor is known: the frame is for it.</summary>
    ForSuccessor,

    /// <summary>The other gateway is dead, and nobody has its sessions.</summary>
    Lost,
}

/// <summary>
/// The sending end of a link, without locks, clock or calls: frames in order, one batch under way, repeated as it is until it is
/// answered. What waits is bounded in bytes. The states follow each other: open, dead (messages wait for the successor), and then
/// redirected (the successor has them) or abandoned (nobody will).
/// </summary>
internal sealed class LinkSender(string from, string to, long maxBytes)
{
    /// <summary>What a frame costs beside its payload, about.</summary>
    public const int FrameBytes = 128;

    private const int MaxBatchFrames = 256, MaxBatchBytes = 1024 * 1024;

    private static readonly Backoff Pauses = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1));

    private readonly Queue<LinkItem> _waiting = new();
    private List<LinkItem> _underWay = [];
    private int _failures;
    private long _nextNumber = 1;
    private LinkState _state;

    private enum LinkState { Open, Dead, Redirected, Abandoned }

    public bool IsDead => _state != LinkState.Open;

    public bool IsRedirected => _state == LinkState.Redirected;

    /// <summary>Bytes that wait or are under way.</summary>
    public long Bytes { get; private set; }

    /// <summary>The batch that is not answered yet: to be sent again until it is. Null: nothing is under way.</summary>
    public PeerBatch? UnderWay { get; private set; }

    /// <param name="bytes">Of the payload.</param>
    public bool HasRoom(int bytes, LinkBound bound) => HasRoomFor(bytes + FrameBytes, bound);

    public PostOutcome Post(in LinkItem item, LinkBound bound)
    {
        if (IsDead && !(item.IsMessage && item.Receipt is not null)) return PostOutcome.NotNeeded;
        if (_state == LinkState.Abandoned) return PostOutcome.Lost;
        if (_state == LinkState.Redirected) return PostOutcome.ForSuccessor;
        if (!HasRoomFor(item.Bytes, bound)) return PostOutcome.Full;
        _waiting.Enqueue(item);
        Bytes += item.Bytes;
        return PostOutcome.Queued;
    }

    /// <summary>
    /// Puts what waits under way, as much as one batch takes. Null: nothing waits, a batch is under way, or the gateway is dead.
    /// </summary>
    public PeerBatch? NextBatch()
    {
        if (IsDead || UnderWay is not null || _waiting.Count == 0) return null;
        List<LinkItem> items = [];
        int bytes = 0;
        while (items.Count < MaxBatchFrames && bytes < MaxBatchBytes && _waiting.TryDequeue(out var item))
        {
            items.Add(item);
            bytes += item.Bytes;
        }
        UnderWay = new PeerBatch(from, _nextNumber, [.. items.Select(item => item.Frame)], to);
        _nextNumber += items.Count;
        _underWay = items;
        return UnderWay;
    }

    /// <summary>The other gateway has a batch, whichever of its copies. Returns what it has of this for the first time.</summary>
    public IReadOnlyList<LinkItem> Received(PeerBatch batch)
    {
        // An answer that comes late says nothing new; what is dead has given its frames to the successor.
        if (UnderWay != batch || IsDead) return [];
        var received = _underWay;
        foreach (var item in received) Bytes -= item.Bytes;
        (UnderWay, _underWay, _failures) = (null, [], 0);
        return received;
    }

    /// <summary>
    /// The batch was refused, or the call failed: whether it arrived is not known. Returns how long to wait before it is sent
    /// again.
    /// </summary>
    public TimeSpan Failed() => Pauses.After(++_failures);

    /// <summary>The other gateway is dead: nothing is sent any more. Returns the frames that nobody needs now.</summary>
    public IReadOnlyList<LinkItem> Die()
    {
        if (IsDead) return [];
        _state = LinkState.Dead;
        return [.. _underWay.Concat(_waiting).Where(item => !item.IsMessage)];
    }

    /// <summary>What waits for the dead gateway, and what still comes, is its successor's.</summary>
    /// <param name="storedUpTo">
    /// Number of the last frame that the dead gateway had stored: up to there its sessions have everything.
    /// </param>
    /// <returns>
    /// The frames that are done with, and the messages for the successor, in order. A second successor gets nothing: the first has
    /// one of its own.
    /// </returns>
    public (IReadOnlyList<LinkItem> Done, IReadOnlyList<LinkItem> ForSuccessor) Redirect(long storedUpTo)
    {
        if (_state is LinkState.Redirected or LinkState.Abandoned) return ([], []);
        _state = LinkState.Redirected;
        long number = _nextNumber - _underWay.Count;
        List<LinkItem> done = [], left = [];
        foreach (var item in RemoveAll()) (number++ <= storedUpTo || !item.IsMessage ? done : left).Add(item);
        return (done, left);
    }

    /// <summary>Nobody will ever have what waits. Returns it; nothing if there is a successor, who has it.</summary>
    public IReadOnlyList<LinkItem> Abandon()
    {
        if (_state is LinkState.Redirected or LinkState.Abandoned) return [];
        _state = LinkState.Abandoned;
        return RemoveAll();
    }

    private bool HasRoomFor(int size, LinkBound bound) => Bytes == 0 || bound switch
    {
        LinkBound.Ordinary => Bytes + size <= maxBytes,
        LinkBound.Reserve => Bytes + size <= 2 * maxBytes,
        _ => true,
    };

    private List<LinkItem> RemoveAll()
    {
        List<LinkItem> all = [.. _underWay, .. _waiting];
        (UnderWay, _underWay, Bytes) = (null, [], 0);
        _waiting.Clear();
        return all;
    }
}

/// <summary>
/// The receiving end of a link, without locks or calls: each frame once, in order. It belongs to one life of both gateways, so a batch
/// for another life of this one is refused, whatever its numbers.
/// </summary>
internal sealed class LinkReceiver(string here)
{
    private long _lastNumber;
    private bool _closed;

    /// <summary>Judges a batch.</summary>
    /// <param name="first">Index of the first frame that is new; only if the answer is that it is received.</param>
    public PeerAnswer Judge(PeerBatch batch, out int first)
    {
        first = (int)Math.Min(_lastNumber + 1 - batch.FirstNumber, batch.Frames.Length);
        return batch.To != here ? PeerAnswer.WrongReceiver
            : _closed ? PeerAnswer.UnknownSender
            : first < 0 ? PeerAnswer.OutOfOrder : PeerAnswer.Received;
    }

    /// <summary>A frame was handled: another copy of it is dropped.</summary>
    public void Handled(long number) => _lastNumber = number;

    /// <summary>The sender is dead: nothing of it is received any more.</summary>
    public void Close() => _closed = true;
}
