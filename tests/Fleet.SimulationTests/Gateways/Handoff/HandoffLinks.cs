using System.Text;
using Fleet.Gateway.Links;
using Fleet.Interfaces.Messaging;

namespace Fleet.SimulationTests.Gateways.Handoff;

/// <summary>
/// One gateway's links, and what it knows of the others: those that live, those that are dead and whose sessions are not at another yet, and
/// what each of them advertises. Batches are lost, late and repeated; a call that is given up may still arrive.
/// </summary>
internal sealed class HandoffLinks(HandoffWorld world, HandoffGateway gateway)
{
    private const int Patience = 2_000;

    private readonly Dictionary<string, Link> _links = [];
    private readonly HashSet<string> _living = [], _ready = [], _dead = [], _gone = [];
    private readonly Dictionary<string, HashSet<string>> _routes = [];
    private readonly HashSet<string> _advertised = [];
    private readonly Dictionary<long, (int Roads, TaskCompletionSource Done)> _barriers = [];

    /// <summary>It knows what all others want: what those did that died before they said so, their successors advertise.</summary>
    public bool IsOpen => _living.Concat(_dead).All(_ready.Contains);

    public bool Lives(string id) => _living.Contains(id);

    /// <summary>Its sessions are at another gateway.</summary>
    public bool IsGone(string id) => _gone.Contains(id);

    public void Meet(string id)
    {
        _links[id] = new Link(new LinkSender(gateway.Id, id, long.MaxValue), new LinkReceiver(gateway.Id));
        _living.Add(id);
        if (_advertised.Count > 0) _ = Post(id, new LinkFrame.Advertised([.. _advertised]));
        _ = Post(id, new LinkFrame.Ready());
    }

    public void Die(string id)
    {
        if (!_living.Remove(id)) return;
        _dead.Add(id);
        _links[id].Receiver.Close();
        foreach (var item in _links[id].Sender.Die()) world.Turns.Complete(item.Receipt);
    }

    /// <summary>What waits for a dead gateway is its successor's.</summary>
    public void Redirect(string dead)
    {
        if (!_links.TryGetValue(dead, out var link)) return;
        var (done, left) = link.Sender.Redirect(world.Store.StoredUpTo(dead, gateway.Id));
        foreach (var item in done) world.Turns.Complete(item.Receipt);
        foreach (var item in left) world.ToSuccessor(dead, item.Frame, () => world.Turns.Complete(item.Receipt));
    }

    public Task Advertise(string key)
    {
        _advertised.Add(key);
        return Task.WhenAll(_living.ToArray().Select(id => Post(id, new LinkFrame.Advertised([key]))));
    }

    public void Withdraw(string key)
    {
        _advertised.Remove(key);
        foreach (string id in _living.ToArray()) _ = Post(id, new LinkFrame.Withdrawn(key));
    }

    public void Tell(string id, LinkFrame frame)
    {
        if (_living.Contains(id)) _ = Post(id, frame);
    }

    public void TellAll(LinkFrame frame)
    {
        foreach (string id in _living.ToArray()) _ = Post(id, frame);
    }

    public void SendOn(string to, string key, PeerMessage message) => Tell(to, new LinkFrame.Late(key, new MovedMessage(0, 2, false, message)));

    /// <summary>To every other gateway that has advertised the key.</summary>
    public Task Forward(string key, PeerMessage message) => Task.WhenAll(
        (_routes.TryGetValue(key, out var ids) ? ids.ToArray() : []).Select(id => Post(id, new LinkFrame.Published(message, true, []))));

    /// <summary>Completes when the other gateway has all that this one and all others sent to it before, or one of them has not answered for long.</summary>
    public Task Barrier(string to)
    {
        if (!_living.Contains(to)) return Task.CompletedTask;
        long token = world.NextNumber();
        var done = new TaskCompletionSource();
        _barriers[token] = (_living.Count, done);
        world.Turns.After(15_000, () => world.Turns.Complete(done));
        TellAll(new LinkFrame.Barrier(token, gateway.Id, to));
        return done.Task;
    }

    private Task Post(string to, LinkFrame frame)
    {
        var link = _links[to];
        var receipt = new TaskCompletionSource();
        switch (link.Sender.Post(new LinkItem(frame, 1, receipt, frame is LinkFrame.Published, []), bounded: false))
        {
            case PostOutcome.Queued: Run(link); break;
            case PostOutcome.ForSuccessor: world.ToSuccessor(to, frame, () => world.Turns.Complete(receipt)); break;
            default: world.Turns.Complete(receipt); break;
        }
        return receipt.Task;
    }

    private void Run(Link link)
    {
        if (link.Sender.NextBatch() is { } batch) Send(link, batch);
    }

    private void Send(Link link, PeerBatch batch)
    {
        if (!gateway.IsAlive || link.Sender.UnderWay != batch) return;
        bool isOver = false;
        // A second copy may come long after the call was given up.
        int copies = world.Turns.Chance(world.Faults.Lost) ? 0 : world.Turns.Chance(world.Faults.Repeated) ? 2 : 1;
        for (int i = 0; i < copies; i++) world.Turns.After(world.Latency() + (i * world.Turns.Next(20_000)), () => Arrive(batch, Answered));
        world.Turns.After(Patience, () => Fail());

        void Answered(PeerAnswer answer)
        {
            if (!gateway.IsAlive || world.Turns.Chance(world.Faults.Lost)) return;
            if (answer != PeerAnswer.Received)
            {
                Fail();
                return;
            }
            isOver = true;
            foreach (var item in link.Sender.Received(batch)) world.Turns.Complete(item.Receipt);
            Run(link);
        }

        void Fail()
        {
            if (isOver) return;
            isOver = true;
            world.Turns.After((long)link.Sender.Failed().TotalMilliseconds, () => Send(link, batch));
        }
    }

    private void Arrive(PeerBatch batch, Action<PeerAnswer> answer)
    {
        // As it is with a process that has begun anew: what was for its life before reaches it all the same.
        if (world.At(batch.To) is not { } there) return;
        var said = there.Links.Receive(batch, out long position);
        if (said != PeerAnswer.Received) world.Turns.After(world.Latency(), () => answer(said));
        else there.Journal.WhenDurable(position, () => world.Turns.After(world.Latency(), () => answer(said)));
    }

    private PeerAnswer Receive(PeerBatch batch, out long position)
    {
        position = 0;
        if (!_living.Contains(batch.From)) return PeerAnswer.UnknownSender;
        var link = _links[batch.From];
        var answer = link.Receiver.Judge(batch, out int first);
        for (int i = first; answer == PeerAnswer.Received && i < batch.Frames.Length; i++)
        {
            link.StoredAt = Math.Max(link.StoredAt, Handle(batch.From, batch.Frames[i], batch.FirstNumber + i));
            link.Receiver.Handled(batch.FirstNumber + i);
        }
        position = link.StoredAt;
        return answer;
    }

    private long Handle(string sender, LinkFrame frame, long number)
    {
        switch (frame)
        {
            case LinkFrame.Published published:
                return gateway.Deliver(Encoding.UTF8.GetString(published.Message.Topic.Span), published.Message, new StoreChange.Mark(sender, number));
            case LinkFrame.Late late: return gateway.Receive(late);
            case LinkFrame.SessionStored stored: gateway.StoredElsewhere(sender, stored); break;
            case LinkFrame.Advertised advertised:
                foreach (string key in advertised.Filters) (_routes.TryGetValue(key, out var ids) ? ids : _routes[key] = []).Add(sender);
                break;
            case LinkFrame.Withdrawn withdrawn: _routes.GetValueOrDefault(withdrawn.Filter)?.Remove(sender); break;
            case LinkFrame.Barrier barrier when barrier.To != gateway.Id && Lives(barrier.To): Tell(barrier.To, barrier); break;
            case LinkFrame.Barrier barrier: Tell(barrier.Origin, new LinkFrame.BarrierReached(barrier.Token)); break;
            case LinkFrame.BarrierReached reached when _barriers.TryGetValue(reached.Token, out var waiting):
                _barriers[reached.Token] = waiting with { Roads = waiting.Roads - 1 };
                if (waiting.Roads == 1) world.Turns.Complete(waiting.Done);
                break;
            case LinkFrame.Ready: _ready.Add(sender); break;
            case LinkFrame.FailedOver over: Forget(over.Dead); break;
        }
        return 0;
    }

    /// <summary>What the dead gateway's sessions want, its successor has advertised by now.</summary>
    public void Forget(string dead)
    {
        if (!_dead.Remove(dead)) return;
        _gone.Add(dead);
        foreach (var ids in _routes.Values) ids.Remove(dead);
    }

    private sealed class Link(LinkSender sender, LinkReceiver receiver)
    {
        public LinkSender Sender => sender;
        public LinkReceiver Receiver => receiver;
        public long StoredAt { get; set; }
    }
}
