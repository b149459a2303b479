using Fleet.Gateway.Sessions;

namespace Fleet.Gateway.Rules;

/// <summary>
/// What each publisher has in a rule's queue, as one gateway knows it: what the store counted last, and what was appended here since. It is
/// not told what leaves the queue, so it has the store count again when a publisher comes near its share: once a second at most.
/// </summary>
internal sealed class RuleShares(RuleQueueOptions options)
{
    private const long CountAgainAfterMs = 1_000;

    /// <summary>Publishers that are known before a count leaves those that hold little.</summary>
    private const int MaxKnown = 10_000;

    private readonly Lock _gate = new();
    private Dictionary<string, long> _held = new(StringComparer.Ordinal);

    /// <summary>Appended while the store counts; null while it does not.</summary>
    private Dictionary<string, long>? _meanwhile;
    private bool _wasCounted;
    private long _countAt;

    /// <summary>
    /// The name that a publisher's share is counted by. A device's is its thing's, which is its client id. All others have a '/', which no
    /// thing name has, and say nothing of the client id; those that nobody vouches for are one publisher.
    /// </summary>
    public static string PublisherOf(SessionIdentity identity) =>
        identity.Kind == SessionKind.Device ? identity.ClientId : $"{identity.Kind}/{identity.Principal}";

    /// <summary>Those that hold less are not remembered: a publisher may have so much more than its share.</summary>
    public long LeastBytes => Math.Max(1, options.MaxQueuedBytesPerPublisher / 4);

    /// <param name="bytes">Of the payload.</param>
    /// <param name="queued">What the queue holds of all publishers, each message counted as for a share.</param>
    public bool HasRoom(string publisher, int bytes, long queued)
    {
        lock (_gate)
        {
            long held = Math.Min(_held.GetValueOrDefault(publisher), queued);
            return held == 0 || held + SizeOf(bytes) <= options.MaxQueuedBytesPerPublisher;
        }
    }

    /// <summary>Whether the store is to be asked what the publishers hold. Its answer is for <see cref="Counted"/>.</summary>
    public bool ShouldCount(string publisher, long now)
    {
        lock (_gate)
        {
            if (_meanwhile is not null || now < _countAt) return false;
            bool isNear = _held.GetValueOrDefault(publisher) > options.MaxQueuedBytesPerPublisher * 3.0 / 4;
            if (_wasCounted && !isNear && _held.Count <= MaxKnown) return false;
            _countAt = now + CountAgainAfterMs;
            _meanwhile = new(StringComparer.Ordinal);
            return true;
        }
    }

    /// <param name="holders">Null: the store did not say.</param>
    public void Counted(IReadOnlyList<PublisherFill>? holders)
    {
        lock (_gate)
        {
            if (holders is not null && _meanwhile is { } held)
            {
                foreach (var holder in holders) Add(held, holder.Publisher, holder.Bytes);
                (_held, _wasCounted) = (held, true);
            }
            _meanwhile = null;
        }
    }

    /// <param name="bytes">Of the payload that is appended.</param>
    public void Appended(string publisher, int bytes)
    {
        lock (_gate)
        {
            Add(_held, publisher, SizeOf(bytes));
            if (_meanwhile is not null) Add(_meanwhile, publisher, SizeOf(bytes));
        }
    }

    /// <summary>So much is in the queue and on the way there: if it is little, nobody holds more.</summary>
    public void Queued(long queued)
    {
        if (queued > LeastBytes) return;
        lock (_gate)
        {
            _held.Clear();
            _meanwhile?.Clear();
        }
    }

    private long SizeOf(int bytes) => Math.Max(bytes, options.ShareMessageBytes);

    private static void Add(Dictionary<string, long> held, string publisher, long bytes) =>
        held[publisher] = held.GetValueOrDefault(publisher) + bytes;
}
