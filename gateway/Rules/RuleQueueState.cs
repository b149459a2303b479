namespace Fleet.Gateway.Rules;

/// <summary>
/// How full a rule's queue is, as one gateway knows it: what the store said last, and what is on the way there. Other gateways append too,
/// and the rule takes away, so what was full is asked for again after a second.
/// </summary>
internal sealed class RuleQueueState(RuleQueueOptions options)
{
    private const long AskAgainAfterMs = 1_000;

    private readonly Lock _gate = new();
    private QueueFill _known;
    private int _pending;
    private long _pendingBytes, _askAt;

    /// <summary>Whether one more message may be appended.</summary>
    public bool HasRoom
    {
        get { lock (_gate) return HasRoomNow; }
    }

    /// <summary>Whether one more may be, of which its publisher does not wait to hear before it sends the next.</summary>
    public bool HasRoomForMore
    {
        get { lock (_gate) return HasRoomNow && _pendingBytes < options.MaxPendingBytes; }
    }

    /// <summary>What it holds, and what is on the way there, each message counted as for a publisher's share: no less than that.</summary>
    public long Shared
    {
        get
        {
            lock (_gate) return _known.Bytes + _pendingBytes + ((_known.Messages + _pending) * options.ShareMessageBytes);
        }
    }

    /// <summary>Whether it is time to ask the store, because the queue was full; true once a second.</summary>
    public bool ShouldAsk(long now)
    {
        lock (_gate)
        {
            if (HasRoomNow || now < _askAt) return false;
            _askAt = now + AskAgainAfterMs;
            return true;
        }
    }

    public void Begin(int bytes)
    {
        lock (_gate)
        {
            _pending++;
            _pendingBytes += bytes;
        }
    }

    /// <param name="fill">What the store says; null: nothing.</param>
    public void End(int bytes, QueueFill? fill)
    {
        lock (_gate)
        {
            _pending--;
            _pendingBytes -= bytes;
            if (fill is { } known) _known = known;
        }
    }

    public void Know(QueueFill fill)
    {
        lock (_gate) _known = fill;
    }

    private bool HasRoomNow =>
        _known.Messages + _pending < options.MaxQueuedMessages && _known.Bytes + _pendingBytes < options.MaxQueuedBytes;
}
