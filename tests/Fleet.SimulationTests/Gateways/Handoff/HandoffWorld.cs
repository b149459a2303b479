using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>An invariant that did not hold.</summary>
internal sealed class HandoffException(string message) : Exception(message);

/// <summary>Rates between 0 and 1.</summary>
internal sealed record HandoffFaults(double Lost, double Late, double Repeated, double StoreFails, int KillEveryMs)
{
    public static HandoffFaults Draw(Random random) => new(
        random.NextDouble() * 0.3, random.NextDouble() * 0.2, random.NextDouble() * 0.3, random.NextDouble() * 0.2,
        random.Next(4) switch { 0 => int.MaxValue, 1 => 60_000, 2 => 20_000, _ => 5_000 });
}

/// <summary>
/// Two to four gateways that run the cores of hand-over and links, a few clients that wander among them, and publishers. Fail-over is made simple:
/// some time after a kill, a living gateway has what the store has of the dead one, and what waited for it.
/// </summary>
internal sealed class HandoffWorld
{
    private const int LastsMs = 60_000, SettlesWithinMs = 300_000, SweepEveryMs = 1_000;

    private readonly List<HandoffGateway> _gateways = [];
    private readonly List<SimulatedClient> _clients = [];
    private readonly Dictionary<string, HandoffLease> _leases = [];
    private readonly Dictionary<string, HashSet<string>> _acknowledged = [];
    private readonly HashSet<string> _knownDead = [];
    private readonly Queue<string> _history = new();
    private readonly int _wanted;
    private long _lastNumber;
    private int _failingOver;
    private Exception? _fault;

    public HandoffWorld(int seed)
    {
        var random = new Random(seed);
        Seed = seed;
        Turns = new HandoffTurns(random.Next());
        Faults = HandoffFaults.Draw(random);
        _wanted = random.Next(2, 5);
        for (int i = 0; i < _wanted; i++) Join();
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            var client = new SimulatedClient(this, $"c{i}");
            _clients.Add(client);
            _leases[client.Key] = new HandoffLease(this, client.Key);
            _acknowledged[client.Key] = [];
            Turns.After(random.Next(1_000), client.Wander);
            Turns.After(random.Next(5_000), () => StartPublisher(client));
        }
    }

    public int Seed { get; }
    public HandoffTurns Turns { get; }
    public HandoffFaults Faults { get; }
    public HandoffStore Store { get; } = new();
    public bool IsEnding { get; private set; }

    /// <summary>Messages that may come twice, because a gateway was killed at the wrong moment: docs/gateways.md.</summary>
    public HashSet<string> MayRepeat { get; } = [];

    public long NextNumber() => ++_lastNumber;

    public long Latency() => Turns.Chance(Faults.Late) ? Turns.Next(3_000) : Turns.Between(1, 20);

    public HandoffGateway? At(string id) => _gateways.Find(gateway => gateway.Id == id && gateway.IsAlive);

    public bool IsAlive(string id) => At(id) is not null;

    /// <summary>The gateways have noticed that it is dead.</summary>
    public bool IsKnownDead(string id) => _knownDead.Contains(id);

    public HandoffGateway? Pick() => _gateways.Where(gateway => gateway is { IsAlive: true, Links.IsOpen: true }).ToArray() is { Length: > 0 } living ? Turns.Pick(living) : null;

    public void Log(string who, string what)
    {
        if (_history.Count == 20_000) _history.Dequeue();
        _history.Enqueue($"{Turns.Now,7} {who[..Math.Min(8, who.Length)]} {what}");
    }

    /// <returns>Null: all held; otherwise what did not, and how it came to that.</returns>
    public string? Run()
    {
        var caller = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(Turns);
        try
        {
            Sweep();
            if (Faults.KillEveryMs < int.MaxValue) Turns.After(Turns.Next(Faults.KillEveryMs), KillOne);
            Turns.RunUntil(LastsMs, Check);
            IsEnding = true;
            Turns.RunUntil(LastsMs + 60_000, Check);
            foreach (var client in _clients) client.Settle();
            Turns.RunUntil(LastsMs + SettlesWithinMs, Check);
            foreach (var client in _clients) CheckEnd(client);
            return null;
        }
        catch (Exception e)
        {
            return $"Seed {Seed}: {(e is HandoffException ? e.Message : e)}\n{Faults}, {_wanted} gateways\n{string.Join('\n', _history)}\nSeed {Seed}: {e.Message}";
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(caller);
        }
    }

    /// <summary>Something that nobody waits for. What the service may answer with when it is in trouble ends it; anything else is a fault.</summary>
    public async Task Start(Task task, Action failed)
    {
        try { await task; }
        catch (TimeoutException) { failed(); }
        catch (Exception e) { _fault ??= e; }
    }

    public Task<SessionLease> Open(string key, SessionClaim claim) => Call(() => _leases[key].Open(claim), patience: 15_000);

    /// <summary>A call that may not arrive, or whose answer may not.</summary>
    /// <exception cref="TimeoutException">There is no answer.</exception>
    public Task<T> Call<T>(string to, Func<HandoffGateway, T> call) => Call(
        () => At(to) is { } gateway ? Task.FromResult(call(gateway)) : Task.FromException<T>(new TimeoutException($"{to} is dead")), patience: 6_000);

    /// <summary>A message that was for a dead gateway.</summary>
    public void ToSuccessor(string dead, LinkFrame frame, Action taken)
    {
        if (SuccessorOf(dead) is not { } successor || frame is not LinkFrame.Published published) return;
        successor.Journal.WhenDurable(
            successor.Deliver(System.Text.Encoding.UTF8.GetString(published.Message.Topic.Span), published.Message, mark: null, dead), taken);
    }

    private async Task<T> Call<T>(Func<Task<T>> call, int patience)
    {
        var answer = new TaskCompletionSource<T>();
        Turns.After(patience, () => answer.TrySetException(new TimeoutException("no answer")));
        if (!Turns.Chance(Faults.Lost / 3)) Turns.After(Latency(), () => _ = Carry(call, answer));
        return await answer.Task;
    }

    private async Task Carry<T>(Func<Task<T>> call, TaskCompletionSource<T> answer)
    {
        try
        {
            var result = await call();
            if (!Turns.Chance(Faults.Lost / 3)) Turns.After(Latency(), () => answer.TrySetResult(result));
        }
        catch (TimeoutException e)
        {
            Turns.After(Latency(), () => answer.TrySetException(e));
        }
    }

    private HandoffGateway? SuccessorOf(string dead)
    {
        string? at = dead;
        while (at is not null && At(at) is null) at = Store.SuccessorOf(at);
        return at is null ? null : At(at);
    }

    private void Join()
    {
        var gateway = new HandoffGateway(this, $"g{NextNumber()}");
        foreach (var other in _gateways.Where(other => other.IsAlive))
        {
            other.Links.Meet(gateway.Id);
            gateway.Links.Meet(other.Id);
        }
        _gateways.Add(gateway);
    }

    private void KillOne()
    {
        if (IsEnding) return;
        if (_gateways.Count(gateway => gateway.IsAlive) > 1 && Pick() is { } victim)
        {
            Log(victim.Id, "is killed");
            victim.Kill();
            _failingOver++;
            Turns.After(Turns.Between(1_000, 15_000), () => FailOver(victim.Id));
        }
        Turns.After(Turns.Next(Faults.KillEveryMs), KillOne);
    }

    private void FailOver(string dead)
    {
        var living = _gateways.Where(gateway => gateway.IsAlive).ToArray();
        _knownDead.Add(dead);
        foreach (var gateway in living) gateway.Links.Die(dead);
        var successor = Turns.Pick(living);
        Log(successor.Id, $"has the sessions of {dead}");
        foreach (var (row, owed) in Store.Inherit(dead, successor.Id)) successor.Inherit(row, owed);
        foreach (var gateway in living) gateway.Links.Redirect(dead);
        // Of all that it is the successor of: the one before may have died in the middle of it.
        foreach (string gone in _knownDead.Where(gone => SuccessorOf(gone) == successor).ToArray())
        {
            successor.Links.Forget(gone);
            successor.Links.TellAll(new LinkFrame.FailedOver(gone));
        }
        if (--_failingOver == 0)
            while (_gateways.Count(gateway => gateway.IsAlive) < _wanted) Join();
    }

    private void StartPublisher(SimulatedClient client)
    {
        if (IsEnding) return;
        if (!client.HasSession || Pick() is not { } gateway)
        {
            Turns.After(500, () => StartPublisher(client));
            return;
        }
        _ = Start(Publish(client, gateway, $"p{NextNumber()}"), () => StartPublisher(client));
    }

    /// <summary>Three at a time, in order; one that is not acknowledged for long ends it: whether it was published is not known.</summary>
    private async Task Publish(SimulatedClient client, HandoffGateway gateway, string publisher)
    {
        for (int number = 0; gateway.IsAlive && !IsEnding && number < 200;)
        {
            List<Task> sent = [];
            for (int i = Turns.Between(1, 3); i > 0; i--) sent.Add(PublishOne($"{publisher}:{number++}"));
            var all = Task.WhenAll(sent);
            if (await Task.WhenAny(all, Turns.Delay(40_000)) != all) break;
            await Turns.Delay(Turns.Chance(0.2) ? Turns.Next(2_000) : Turns.Next(50));
        }
        StartPublisher(client);

        async Task PublishOne(string text)
        {
            await gateway.Publish(client.Key, text);
            Log(gateway.Id, $"acknowledges {text} for {client.Key}");
            _acknowledged[client.Key].Add(text);
        }
    }

    private void Sweep()
    {
        foreach (var gateway in _gateways.Where(gateway => gateway.IsAlive)) gateway.Sweep();
        Turns.After(SweepEveryMs, Sweep);
    }

    private void Check()
    {
        if (_fault is not null) throw new InvalidOperationException(_fault.Message, _fault);
        foreach (var client in _clients)
        {
            int live = 0;
            foreach (var gateway in _gateways)
                if (gateway.IsAlive) live += gateway.Connected.Count(session => session.Key == client.Key && session.Connection!.IsAccepted);
            if (live > 1) throw new HandoffException($"{client.Key} is connected {live} times");
            // As many as come and go: but one at least, in a gateway or in the store of a dead one.
            if (client.HasSession && Store.FindOwner(client.Key) is null && !_gateways.Any(gateway => gateway.IsAlive && gateway.Holds(client.Key).Any()))
                throw new HandoffException($"{client.Key} has no session anywhere");
        }
    }

    private void CheckEnd(SimulatedClient client)
    {
        if (!client.HasSession) return;
        if (!client.IsConnected) throw new HandoffException($"{client.Key} is not let in");
        if (_gateways.Where(gateway => gateway.IsAlive).SelectMany(gateway => gateway.Holds(client.Key)).Count() is not 1 and var copies)
            throw new HandoffException($"{client.Key} has {copies} sessions");
        if (_acknowledged[client.Key].Except(client.Received).Order().ToArray() is { Length: > 0 } lost)
            throw new HandoffException($"{client.Key} has lost {string.Join(' ', lost.Take(5))}");
    }
}
