using Fleet.Gateway.Journal;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// The fail-over of one dead gateway to this one: what it left, and which others have something for it still. Guarded by the lock of
/// <see cref="SessionFailover"/>.
/// </summary>
/// <param name="marks">How far the dead gateway had stored what the others sent it.</param>
internal sealed class FailoverState(string dead, InheritedSessions inherited, IReadOnlyList<LinkMark> marks)
{
    private readonly HashSet<string> _expected = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _handedOver = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Dead => dead;
    public InheritedSessions Inherited => inherited;

    /// <summary>When nothing more is expected, on the monotonic clock; null: not yet.</summary>
    public long? DedupEndsAt { get; set; }

    /// <summary>Completes when every other gateway has handed over what it had for the dead one.</summary>
    public Task AllHandedOver => _handedOver.Task;

    public long StoredUpTo(string gatewayId) => marks.FirstOrDefault(mark => mark.Sender == gatewayId).Number;

    public void Expect(string gatewayId) => _expected.Add(gatewayId);

    public void HandedOver(string gatewayId)
    {
        _expected.Remove(gatewayId);
        Await(_ => true);
    }

    /// <summary>Waits for those only that live.</summary>
    public void Await(Func<string, bool> isLive)
    {
        _expected.RemoveWhere(id => !isLive(id));
        if (_expected.Count == 0) _handedOver.TrySetResult();
    }

    public void Abandon() =>
        _handedOver.TrySetException(new InvalidOperationException($"The successor of gateway {dead} was taken for dead itself."));
}
