using Fleet.Gateway.Failover;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// The frames from one gateway to another, as <c>PeerLink</c> keeps them: in order, one batch under way at a time, repeated until it is
/// answered; when the other is dead they wait for its successor.
/// </summary>
internal sealed class SimulatedLink(GatewayWorld world, SimulatedGateway from, string to)
{
    private readonly string _from = from.Id;
    private readonly List<Item> _waiting = [];
    private long _nextNumber = 1;
    private int _underWay;
    private bool _isDead, _isAbandoned, _isSending;
    private (SimulatedLink? Link, string Dead)? _successor;

    /// <param name="receipt">Told whether the other, or its successor, has it; null: nobody waits.</param>
    public void Post(LinkFrame frame, Action<bool>? receipt = null)
    {
        bool isMessage = frame is LinkFrame.Published or LinkFrame.Redirected;
        if (_isDead && !isMessage) receipt?.Invoke(true);
        else if (_isAbandoned) receipt?.Invoke(false);
        else if (_successor is not null) Pass(new Item(frame, receipt));
        else
        {
            _waiting.Add(new Item(frame, receipt));
            Send();
        }
    }

    public void Die()
    {
        _isDead = true;
        foreach (var item in _waiting.Where(item => !item.IsMessage)) item.Receipt?.Invoke(true);
    }

    /// <param name="successor">Null: the gateway that it is from.</param>
    public void RedirectTo(SimulatedLink? successor, string dead, long storedUpTo)
    {
        Die();
        if (_successor is not null || _isAbandoned) return;
        _successor = (successor, dead);
        long number = _nextNumber;
        foreach (var item in _waiting)
        {
            if (!item.IsMessage) number++;
            else if (number++ <= storedUpTo) item.Receipt?.Invoke(true);
            else Pass(item);
        }
        _waiting.Clear();
    }

    public void Abandon()
    {
        Die();
        if (_successor is not null) return;
        _isAbandoned = true;
        foreach (var item in _waiting) item.Receipt?.Invoke(false);
        _waiting.Clear();
    }

    private void Pass(Item item)
    {
        var (link, dead) = _successor!.Value;
        var frame = Redirection.Of(item.Frame, dead);
        if (link is not null) link.Post(frame, item.Receipt);
        else from.Deliver(frame, mark: null, durable => item.Receipt?.Invoke(durable));
    }

    private void Send()
    {
        if (_isSending || _isDead || _isAbandoned || _waiting.Count == 0) return;
        _isSending = true;
        world.After(world.Random.Next(1, 20), from, () =>
        {
            _underWay = Math.Min(_waiting.Count, world.Random.Next(1, 6));
            Try();
        });
    }

    /// <summary>The batch, or its answer, may be lost, and may come again later.</summary>
    private void Try()
    {
        if (_isDead) return;
        var (first, frames) = (_nextNumber, _waiting.Take(_underWay).Select(item => item.Frame).ToArray());
        bool answered = false;
        if (!world.Fails(0.2)) Arrive(() => answered |= !world.Fails(0.2));
        if (world.Fails(0.1)) world.After(world.Random.Next(1, 2_000), null, () => Arrive(() => { }));
        world.After(world.Random.Next(20, 200), from, () =>
        {
            if (_isDead) return;
            if (!answered) Try();
            else Received();
        });

        void Arrive(Action answer) => world.After(world.Random.Next(1, 15), null, () => world.Living(to)?.Receive(_from, first, frames, answer));
    }

    private void Received()
    {
        var items = _waiting.Take(_underWay).ToArray();
        _waiting.RemoveRange(0, _underWay);
        _nextNumber += items.Length;
        _isSending = false;
        foreach (var item in items) item.Receipt?.Invoke(true);
        Send();
    }

    private readonly record struct Item(LinkFrame Frame, Action<bool>? Receipt)
    {
        public bool IsMessage => Frame is LinkFrame.Published or LinkFrame.Redirected;
    }
}

/// <summary>Another gateway, as one gateway knows it.</summary>
internal sealed class SimulatedPeer(SimulatedLink link)
{
    private Func<bool>? _superseded;

    public SimulatedLink Link => link;
    public HashSet<string> Routes { get; } = [];
    public long LastNumber { get; set; }
    public bool IsDead { get; set; }
    public bool IsReady { get; set; }

    /// <summary>It is heard, and told of changes.</summary>
    public bool IsMet { get; set; }

    /// <summary>As <c>RemoteGateway.IsSuperseded</c>.</summary>
    public bool IsSuperseded => _superseded?.Invoke() ?? false;

    public void Supersede(Func<bool> ready) => _superseded ??= ready;
}
