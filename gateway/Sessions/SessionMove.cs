using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Sessions;

/// <summary>What a session takes along to another gateway, beside its subscriptions.</summary>
/// <param name="InFlight">In the order they were sent.</param>
/// <param name="LastPacketId">The packet identifier that was used last.</param>
/// <param name="Unreleased">Packet identifiers of QoS 2 messages from the client that it has not released.</param>
/// <param name="Known">Numbers of messages that it has had, whether or not they are among these.</param>
internal sealed record SessionMessages(
    SentMessage[] InFlight, Delivery[] Queued, ushort LastPacketId, ushort[] Unreleased, MessageNumber[] Known);

/// <summary>
/// A session's way from one gateway to another, at either end: none of its messages may be missed, or come twice. Guards itself with the
/// session's lock.
/// </summary>
internal sealed class SessionMove(Lock gate, OutboundMessages outbound, AwaitingRelease awaitingRelease)
{
    private bool _arrives, _isSuperseded;
    private HashSet<MessageNumber>? _known;
    private RecentNumbers? _recent;

    /// <summary>At a gateway that it leaves, once another has a copy: sends on what still comes. Called without locks.</summary>
    public Action<Delivery>? SendOn { get; private set; }

    /// <summary>Another gateway has it: nothing of it is kept here.</summary>
    public bool HasLeft { get; private set; }

    /// <summary>No other gateway has these messages, or may have them. Under the lock.</summary>
    public bool IsOnlyCopy => !_isSuperseded && SendOn is null;

    /// <summary>Another copy is the right one, or this gateway's sessions are another's.</summary>
    public void Supersede()
    {
        lock (gate) _isSuperseded = true;
    }

    /// <summary>Its messages, for the gateway that it leaves for; what comes from now on waits here, and is sent on as well.</summary>
    public SessionMessages Copy(Action<Delivery> sendOn)
    {
        lock (gate)
        {
            SendOn = sendOn;
            var (inFlight, queued, lastPacketId) = outbound.Copy();
            return new SessionMessages(inFlight, queued, lastPacketId, awaitingRelease.PacketIds, _recent?.All ?? []);
        }
    }

    /// <summary>It does not leave, or not for that gateway: nothing is sent on any more.</summary>
    public void Recall()
    {
        lock (gate) SendOn = null;
    }

    /// <summary>The other gateway has stored it: what still comes is sent on, and nothing else.</summary>
    public void Leave(Action<Delivery> sendOn)
    {
        lock (gate) (SendOn, HasLeft) = (sendOn, true);
    }

    /// <summary>
    /// It comes from another gateway, which may send on what it has had here already: what reaches it is noted, to be known when it comes
    /// again.
    /// </summary>
    public void Arrive()
    {
        lock (gate)
        {
            _arrives = true;
            if (_recent is not null) (_known ??= []).UnionWith(_recent.All);
        }
    }

    /// <summary>Its messages from there, which go before all that has come here.</summary>
    public void Restore(SessionMessages messages)
    {
        HashSet<MessageNumber> had = [.. messages.Known];
        lock (gate)
        {
            outbound.Restore(messages.InFlight, messages.Queued, messages.LastPacketId, had);
            foreach (ushort packetId in messages.Unreleased) awaitingRelease.TryHold(packetId);
            if (_arrives) (_known ??= []).UnionWith(had);
            foreach (var number in had) (_recent ??= new()).Add(number);
        }
    }

    /// <summary>Whatever was on its way when it moved has come.</summary>
    public void EndDedup()
    {
        lock (gate) (_arrives, _known) = (false, null);
    }

    /// <summary>A message reaches the session. Under the lock.</summary>
    /// <param name="number">Null: no other gateway has the message.</param>
    /// <param name="mayMove">The session outlives its connection.</param>
    /// <returns>False if the message has come before, by the other road.</returns>
    public bool TryNote(MessageNumber? number, bool mayMove)
    {
        if (number is not { } known) return true;
        if (_arrives && !(_known ??= []).Add(known)) return false;
        if (mayMove) (_recent ??= new()).Add(known);
        return true;
    }

    /// <summary>
    /// The last messages that a session took in and that other gateways have copies of: when the session moves, a copy that was slow on its
    /// way is known for what it is. Only sessions that outlive their connections have this, and only where there is more than one gateway.
    /// </summary>
    private sealed class RecentNumbers
    {
        private const int Max = 1_024;

        private MessageNumber[] _ring = new MessageNumber[16];
        private int _next, _count;

        public MessageNumber[] All => _ring[.._count];

        public void Add(MessageNumber number)
        {
            if (_count == _ring.Length && _count < Max)
            {
                Array.Resize(ref _ring, _ring.Length * 2);
                _next = _count;
            }
            _ring[_next] = number;
            _next = (_next + 1) % _ring.Length;
            if (_count < _ring.Length) _count++;
        }
    }
}
