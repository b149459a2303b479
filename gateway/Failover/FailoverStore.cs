using System.Diagnostics;
using Fleet.Gateway.Journal;

namespace Fleet.Gateway.Failover;

/// <summary>What a fail-over asks of the store, answered as events.</summary>
internal sealed class FailoverStore(ISessionStore store, SessionJournal journal)
{
    /// <summary>
    /// What a gateway that begins has: its sessions, and what is known of the dead gateways that left some of them, whose successor it is
    /// from here on.
    /// </summary>
    public async Task<(StoredSessions Sessions, ImmutableArray<LeftBehind> Parts)> ClaimOwn(
        OwningGateway owner, CancellationToken cancellation)
    {
        var sessions = await store.Load(owner.Number, cancellation);
        return (sessions, await ClaimParts(owner.Number, null, owner.Predecessors.Concat(LeftBy(sessions)), cancellation));
    }

    public Task<FailoverEvent> Ask(OwnerNumber owner, FailoverEffect.ToStore question) => question switch
    {
        FailoverEffect.ClaimInStore claim => Claim(owner, claim),
        FailoverEffect.MoveInStore move => Move(owner, move),
        FailoverEffect.RecordInStore record => Record(owner, record),
        FailoverEffect.CheckInStore check => Check(owner, check),
        _ => throw new UnreachableException($"{question.GetType().Name} has no answer"),
    };

    private async Task<FailoverEvent> Claim(OwnerNumber owner, FailoverEffect.ClaimInStore claim)
    {
        if (await store.Inherit(owner, claim.Head, CancellationToken.None) is not { } left)
            return new FailoverEvent.Fenced(claim.Life, claim.Head);
        if (left.Successor is { } other) return new FailoverEvent.FoundElsewhere(claim.Life, claim.Head, other);
        var others = await ClaimParts(owner, claim.Head, LeftBy(left.Sessions), CancellationToken.None);
        return new FailoverEvent.Claimed(claim.Life, claim.Head, [PartOf(claim.Head, left), .. others], left.Sessions);
    }

    /// <summary>
    /// Becomes the successor of dead gateways, and of those that were their successors before <paramref name="head"/>.
    /// </summary>
    private async Task<ImmutableArray<LeftBehind>> ClaimParts(
        OwnerNumber owner, string? head, IEnumerable<string> dead, CancellationToken cancellation)
    {
        Dictionary<string, LeftBehind> parts = new(StringComparer.Ordinal);
        Queue<string> unclaimed = new(dead);
        while (unclaimed.TryDequeue(out string? next))
        {
            if (parts.ContainsKey(next)) continue;
            var left = await store.Inherit(owner, next, cancellation)
                ?? throw new InvalidOperationException("This gateway was taken for dead.");
            var part = PartOf(next, left);
            parts.Add(next, part);
            foreach (string through in part.Through.TakeWhile(through => through != head)) unclaimed.Enqueue(through);
        }
        return [.. parts.Values];
    }

    private async Task<FailoverEvent> Move(OwnerNumber owner, FailoverEffect.MoveInStore move) =>
        await store.TakeOver(owner, move.Head, CancellationToken.None)
            ? new FailoverEvent.Moved(move.Life, move.Head) : new FailoverEvent.Fenced(move.Life, move.Head);

    private async Task<FailoverEvent> Record(OwnerNumber owner, FailoverEffect.RecordInStore record)
    {
        // What has come for the dead is for sessions that they left. Once the store has forgotten which these are, a successor of this
        // gateway would find nobody whom it is for.
        if (!await journal.WhenDurable(journal.Position)) throw new InvalidOperationException("What came for the dead is not stored.");
        foreach (string dead in record.Dead) await store.CompleteFailover(dead, CancellationToken.None);
        return new FailoverEvent.Recorded(record.Life, record.Head, [.. await store.FindSuperseded(owner, CancellationToken.None)]);
    }

    private async Task<FailoverEvent> Check(OwnerNumber owner, FailoverEffect.CheckInStore check) =>
        new FailoverEvent.Checked(check.Life, check.Head, [.. await store.FindSuperseded(owner, CancellationToken.None)]);

    private static IEnumerable<string> LeftBy(StoredSessions sessions) => sessions.Sessions.Select(row => row.LeftBy).OfType<string>();

    private static LeftBehind PartOf(string dead, Inheritance left) => new(dead, [.. left.Through], [.. left.Marks]);
}
