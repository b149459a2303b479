using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;

namespace Fleet.Gateway.Links;

/// <summary>
/// Another gateway: the link to it, and the filters that it advertises. It stands in the subscription tree for all its subscribers at once.
/// </summary>
internal sealed class RemoteGateway(GatewayMember member, PeerLink link) : Subscriber
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (TopicFilter Filter, Subscriber Subscriber)> _advertised = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _ready = Background.NewSource();
    private readonly LinkReceiver _receiver = new(link.From);

    public string Id => member.Id;
    public PeerLink Link => link;
    public override bool IsAvailable => !link.IsDead;

    /// <summary>
    /// Completes when all that it advertised when the two met is in the tree; or, if it is dead, what its successor advertises.
    /// </summary>
    public Task Ready => _ready.Task;

    /// <summary>Where all that it has sent for persistent sessions is durable. Kept while a batch is received.</summary>
    public JournalPosition StoredAt { get; set; }

    /// <summary>The frame that could not be taken last, and how often. Kept while a batch is received.</summary>
    public (long Number, int Times) Failed { get; set; }

    public int RouteCount
    {
        get { lock (_gate) return _advertised.Count; }
    }

    /// <summary>Receives what is new of a batch, in order; what it knows already it drops.</summary>
    /// <param name="handle">
    /// What to do with a frame, and its number. Must not wait. If it throws, the frame and those after it are still to come.
    /// </param>
    public PeerAnswer Receive(PeerBatch batch, Action<RemoteGateway, LinkFrame, long> handle)
    {
        lock (_gate)
        {
            var answer = _receiver.Judge(batch, out int first);
            for (int i = first; answer == PeerAnswer.Received && i < batch.Frames.Length; i++)
            {
                handle(this, batch.Frames[i], batch.FirstNumber + i);
                _receiver.Handled(batch.FirstNumber + i);
            }
            return answer;
        }
    }

    /// <summary>Notes a route. Called while a batch is received.</summary>
    /// <returns>Whom to put into the tree; null if it is there already.</returns>
    public Subscriber? Advertise(TopicFilter filter)
    {
        if (_advertised.ContainsKey(filter.Text)) return null;
        Subscriber subscriber = filter.IsShared ? new RemoteShare(this, filter.Text) : this;
        _advertised.Add(filter.Text, (filter, subscriber));
        return subscriber;
    }

    /// <returns>Whom to take out of the tree; null if it was not there.</returns>
    public Subscriber? Withdraw(TopicFilter filter) => _advertised.Remove(filter.Text, out var entry) ? entry.Subscriber : null;

    public void BecomeReady() => _ready.TrySetResult();

    /// <summary>It is dead: nothing more is received from it. What it advertised stays in the tree, for its successor.</summary>
    public void Die()
    {
        link.Die();
        lock (_gate) _receiver.Close();
    }

    /// <summary>Closes the link; what still waits is lost. Returns the subscriptions to take out of the tree.</summary>
    public (TopicFilter Filter, Subscriber Subscriber)[] Leave()
    {
        link.Abandon();
        _ready.TrySetResult();
        lock (_gate)
        {
            _receiver.Close();
            (TopicFilter, Subscriber)[] advertised = [.. _advertised.Values];
            _advertised.Clear();
            return advertised;
        }
    }
}

/// <summary>The members of one shared subscription at another gateway, which together are one candidate here.</summary>
/// <param name="filter">As clients write it.</param>
internal sealed class RemoteShare(RemoteGateway gateway, string filter) : Subscriber
{
    public RemoteGateway Gateway => gateway;
    public string Filter => filter;
    public override bool IsAvailable => gateway.IsAvailable;
}
