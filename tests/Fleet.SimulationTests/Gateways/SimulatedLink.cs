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
    private SimulatedLink? _successor;
    private bool _isRedirected;

    /// <summary>Whose sessions get what is published for the other.</summary>
    public ImmutableArray<string> Covers { get; private set; } = [to];

    public bool IsDead => _isDead;

    /// <param name="receipt">Told whether the other, or its successor, has it; null: nobody waits.</param>
    public void Post(LinkFrame frame, Action<bool>? receipt = null)
    {
        bool isMessage = frame is LinkFrame.Published or LinkFrame.Redirected;
        if (frame is LinkFrame.HandedOver handedOver && !_isDead) Covers = [.. Covers.Union(handedOver.Dead)];
        if (_isDead && !isMessage) receipt?.Invoke(true);
        else if (_isAbandoned) receipt?.Invoke(false);
        else if (_isRedirected) Pass(new Item(frame, receipt, Covers));
        else
        {
            _waiting.Add(new Item(frame, receipt, Covers));
            Send();
        }
    }

    public void Die()
    {
        _isDead = true;
        foreach (var item in _waiting.Where(item => !item.IsMessage)) item.Receipt?.Invoke(true);
    }

    /// <param name="successor">Null: the gateway that it is from.</param>
    public void RedirectTo(SimulatedLink? successor, long storedUpTo)
    {
        Die();
        if (_isRedirected || _isAbandoned) return;
        (_successor, _isRedirected) = (successor, true);
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
        if (_isRedirected) return;
        _isAbandoned = true;
        foreach (var item in _waiting) item.Receipt?.Invoke(false);
        _waiting.Clear();
    }

    private void Pass(Item item)
    {
        var frame = item.Frame as LinkFrame.Redirected
            ?? new LinkFrame.Redirected(item.Covers, ((LinkFrame.Published)item.Frame).Message, ToAll: true, []);
        if (_successor is not null) _successor.Post(frame, item.Receipt);
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

        void Arrive(Action answer) =>
            world.After(world.Random.Next(1, 15), null, () => world.Living(to)?.Receive(_from, first, frames, answer));
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

    private readonly record struct Item(LinkFrame Frame, Action<bool>? Receipt, ImmutableArray<string> Covers)
    {
        public bool IsMessage => Frame is LinkFrame.Published or LinkFrame.Redirected;
    }
}

/// <summary>Another gateway, as one gateway knows it.</summary>
internal sealed class SimulatedPeer(SimulatedLink link)
{
    public SimulatedLink Link => link;
    public HashSet<string> Routes { get; } = [];
    public long LastNumber { get; set; }
    public bool IsDead { get; set; }
    public bool IsReady { get; set; }

    /// <summary>It is heard, and told of changes.</summary>
    public bool IsMet { get; set; }
}
