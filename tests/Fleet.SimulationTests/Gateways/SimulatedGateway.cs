using Fleet.Gateway.Failover;
using Fleet.Gateway.Journal;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// A gateway process: <see cref="FailoverCore"/> as it is compiled, with a shell, a broker, sessions and a journal that do what the real
/// ones promise, one step at a time.
/// </summary>
internal sealed partial class SimulatedGateway(GatewayWorld world, string name)
{
    private readonly Queue<FailoverEffect> _effects = new();
    private readonly Dictionary<string, InheritedSessions> _inherited = new(StringComparer.Ordinal);
    private GatewayView _view = new(-1, [], []);
    private bool _runsEffects;
    private List<SimulatedPeer>? _awaited;

    public string Id { get; private set; } = "";
    public string Name => name;
    public bool IsAlive { get; private set; } = true;

    /// <summary>It does not know yet what the others want: nobody publishes here.</summary>
    public bool IsBeginning { get; private set; } = true;
    public long Owner { get; private set; }
    public FailoverState Failover { get; private set; } = new();
    public Dictionary<string, SimulatedPeer> Peers { get; } = new(StringComparer.Ordinal);

    public bool HasJoined { get; private set; }

    /// <summary>Grows when its clients' connections end.</summary>
    public int Life { get; private set; }

    /// <param name="again">It was taken for dead: who is there under its name has it by now.</param>
    public void Begin(bool again)
    {
        (Id, IsBeginning, HasJoined, Life) = (world.NewId(), true, false, Life + 1);
        world.Log(Id, () => $"begins as {(again ? null : name)}");
        (Owner, var predecessors) = world.Store.Begin(Id, again ? null : name);
        _journal = new SimulatedJournal(world, this, Owner);
        var parts = ReadParts(Owner, null, predecessors.Concat(world.Store.Load(Owner).Select(world.Store.LeftBy).OfType<string>()));
        TakeIn(world.Store.Load(Owner), parts.IsEmpty ? null : Inherit(parts), world.Store.LeftBy);
        Hear(new FailoverEvent.Begun(Id, Owner, parts));
        (string id, int life) = (Id, Life);
        world.After(world.Random.Next(1, 500), this, () =>
        {
            if (life != Life) return;
            HasJoined = true;
            world.Registry.Join(id, again ? null : name);
        });
    }

    public void Kill()
    {
        world.Log(Id, () => "is killed");
        IsAlive = false;
        _journal.Close();
    }

    /// <summary>As <c>ClusterMember.BeginAnew</c>: all that it had is another's.</summary>
    public void BeginAnew()
    {
        world.Log(Id, () => "begins anew");
        string before = Id;
        world.After(world.Random.Next(7_000, 11_000), null, () => world.Registry.Remove(before));
        _journal.Close();
        _effects.Clear();
        _inherited.Clear();
        foreach (var peer in Peers.Values) peer.Link.Abandon();
        Peers.Clear();
        Sessions.Clear();
        (_view, _awaited) = (new(-1, [], []), null);
        Hear(new FailoverEvent.TakenForDead());
        Begin(again: true);
    }

    /// <summary>As <c>ClusterMember.Apply</c>.</summary>
    public void Apply(GatewayView view)
    {
        if (view.Version <= _view.Version || view.Find(Id) is null) return;
        _view = view;
        string[] gone = [.. Peers.Keys.Where(id => !Peers[id].IsDead && view.Find(id) is null)];
        foreach (string id in gone) Hear(new FailoverEvent.PeerDied(id));
        foreach (string id in view.Dead.Where(id => Failover.Of(id) is not { IsAnnounced: true } && !Peers.ContainsKey(id)))
        {
            Peers[id] = new SimulatedPeer(new SimulatedLink(world, this, id)) { IsDead = true };
            Peers[id].Link.Die();
            Hear(new FailoverEvent.PeerDied(id));
        }
        foreach (string id in Peers.Keys.Where(id => view.Find(id) is null && !view.Dead.Contains(id)).ToArray())
            Hear(new FailoverEvent.Completed(id));
        string[] living = [.. view.Gateways.Select(member => member.Id)];
        foreach (string id in living.Where(id => id != Id && !Peers.ContainsKey(id) && !Failover.Dead.Contains(id)))
        {
            Peers[id] = new SimulatedPeer(new SimulatedLink(world, this, id));
            Hear(new FailoverEvent.PeerCame(id));
        }
        Hear(new FailoverEvent.AllMet());
        if (IsBeginning) _awaited ??= [.. Peers.Values];
        Open();
    }

    /// <summary>The grain asks. Null: it cannot say.</summary>
    public FailoverProgress? TakeOverFrom(string dead)
    {
        var before = Failover;
        Hear(new FailoverEvent.Asked(dead));
        return before.Of(dead)?.Phase is TakeoverPhase.Fenced ? null : FailoverCore.ProgressOf(before, dead);
    }

    public void Sweep() => Hear(new FailoverEvent.Swept());

    private void Open()
    {
        if (!IsBeginning || _awaited?.TrueForAll(peer => peer.IsReady) != true) return;
        (IsBeginning, _awaited) = (false, null);
        world.Log(Id, () => "is open");
    }

    private void Hear(FailoverEvent e)
    {
        world.Log(Id, () => Describe(e));
        (Failover, var effects) = FailoverCore.Step(Failover, e, world.Now);
        foreach (var (head, takeover) in Failover.Takeovers)
        {
            if (_inherited.TryGetValue(head, out var inherited)) inherited.From = takeover.HandedOver;
        }
        foreach (var effect in effects) _effects.Enqueue(effect);
        if (!_runsEffects) Next();
        _runsEffects = true;
    }

    /// <summary>One effect, a moment later: others come between. A gateway may die at any of them.</summary>
    private void Next() => world.After(world.Random.Next(4), this, () =>
    {
        if (!_effects.TryDequeue(out var effect))
        {
            _runsEffects = false;
            return;
        }
        if (world.KillsAt(this, effect)) return;
        world.Log(Id, () => Describe(effect));
        Do(effect);
        Next();
    });

    private void Do(FailoverEffect effect)
    {
        switch (effect)
        {
            case FailoverEffect.ReadStore read: Ask(read.AfterMs, read.Life, read.Head, owner => Read(owner, read)); break;
            case FailoverEffect.MoveInStore move:
                Ask(move.AfterMs, move.Life, move.Head, owner => world.Store.TakeOver(owner, move.Head)
                    ? new FailoverEvent.Moved(move.Life, move.Head) : new FailoverEvent.Fenced(move.Life, move.Head));
                break;
            case FailoverEffect.RecordInStore record:
                Ask(record.AfterMs, record.Life, record.Head, _ =>
                {
                    foreach (string dead in record.Dead) world.Store.CompleteFailover(dead);
                    return new FailoverEvent.Recorded(record.Life, record.Head);
                });
                break;
            case FailoverEffect.TakeIn take when take.Life == Failover.Life:
                TakeIn(world.Store.Load(Owner).Where(_read[take.Head].Contains), Inherit(take.Parts), row => _leftBy[row] ?? take.Head);
                Hear(new FailoverEvent.TakenIn(take.Life, take.Head));
                break;
            case FailoverEffect.Bar bar when Peers.TryGetValue(bar.Dead, out var barred):
                barred.Link.Die();
                barred.IsDead = true;
                break;
            case FailoverEffect.Redirect redirect when Peers.TryGetValue(redirect.Dead, out var dead):
                if (redirect.To is null || Peers.ContainsKey(redirect.To))
                    dead.Link.RedirectTo(redirect.To is null ? null : Peers[redirect.To].Link, redirect.StoredUpTo);
                break;
            case FailoverEffect.BeginAnew: BeginAnew(); break;
            case FailoverEffect.OpenHere open when _inherited.TryGetValue(open.Head, out var here): here.OpenHere(); break;
            case FailoverEffect.Open open when _inherited.TryGetValue(open.Head, out var all): all.Open(); break;
            case FailoverEffect.Post post when Peers.TryGetValue(post.To, out var to): to.Link.Post(post.Frame); break;
            case FailoverEffect.Meet meet when Peers.TryGetValue(meet.GatewayId, out var met): Meet(met); break;
            case FailoverEffect.TellAll tell: TellAll(tell); break;
            case FailoverEffect.Forget forget when Peers.TryGetValue(forget.Dead, out var gone): Forget(forget.Dead, gone); break;
            case FailoverEffect.EndDedup end:
                if (_inherited.Remove(end.Head, out var ended)) EndDedup(ended);
                break;
        }
    }

    /// <summary>The store is slow; it fails before what it was asked for landed, or after.</summary>
    private void Ask(int afterMs, int life, string head, Func<long, FailoverEvent> question)
    {
        world.After(afterMs + world.Random.Next(1, 100), this, () =>
        {
            if (Failover.Life != life) return;
            var answer = world.Fails(0.15) ? new FailoverEvent.StoreFailed(life, head) : question(Failover.Owner);
            if (world.Fails(0.15)) answer = new FailoverEvent.StoreFailed(life, head);
            world.After(world.Random.Next(1, 20), this, () => Hear(answer));
        });
    }

    private FailoverEvent Read(long owner, FailoverEffect.ReadStore read)
    {
        if (world.Store.Inherit(owner, read.Head) is not { } left) return new FailoverEvent.Fenced(read.Life, read.Head);
        if (left.Successor is { } other) return new FailoverEvent.FoundElsewhere(read.Life, read.Head, other);
        _read[read.Head] = [.. left.Rows];
        foreach (var row in left.Rows) _leftBy[row] = world.Store.LeftBy(row);
        return new FailoverEvent.Read(
            read.Life, read.Head,
            [PartOf(read.Head, left), .. ReadParts(owner, read.Head, left.Rows.Select(row => _leftBy[row]).OfType<string>())],
            new StoredSessions());
    }

    private ImmutableArray<LeftBehind> ReadParts(long owner, string? head, IEnumerable<string> dead)
    {
        Dictionary<string, LeftBehind> parts = new(StringComparer.Ordinal);
        Queue<string> unread = new(dead);
        while (unread.TryDequeue(out string? next))
        {
            if (parts.ContainsKey(next)) continue;
            parts.Add(next, PartOf(next, world.Store.Inherit(owner, next)!.Value));
            foreach (string through in parts[next].Through.TakeWhile(through => through != head)) unread.Enqueue(through);
        }
        return [.. parts.Values];
    }

    private void TellAll(FailoverEffect.TellAll tell)
    {
        int life = Life, waiting = 1;
        foreach (var peer in Peers.Values.Where(peer => peer is { IsMet: true, IsDead: false }).ToArray())
        {
            foreach (string dead in tell.Dead)
            {
                waiting++;
                peer.Link.Post(new LinkFrame.FailedOver(dead), _ => Told());
            }
        }
        Told();

        void Told()
        {
            if (--waiting == 0 && life == Life && IsAlive) Hear(new FailoverEvent.Told(tell.Life, tell.Head));
        }
    }

    /// <summary>Lists, which a record prints as their type, as their elements.</summary>
    private static string Describe(object record) =>
        $"{record.GetType().Name} {System.Text.Json.JsonSerializer.Serialize(record, record.GetType())}";

    private static LeftBehind PartOf(
        string dead, (string? Successor, ImmutableArray<string> Through, ImmutableArray<LinkMark> Marks, StoredRow[] Rows) left) =>
        new(dead, left.Through, left.Marks);
}
