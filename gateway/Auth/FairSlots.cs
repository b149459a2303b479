using System.Net;

namespace Fleet.Gateway.Auth;

/// <summary>A connection, as the slots have it that it takes.</summary>
internal abstract class Slot
{
    protected Slot(IPAddress address)
    {
        Network = ClientNetwork.Of(address);
        Place = new LinkedListNode<Slot>(this);
    }

    public IPAddress Network { get; }

    /// <summary>It speaks for many clients, and is never closed to make room for one.</summary>
    public bool IsSpared { get; init; }

    public bool HasSlot => Holder is not null;

    /// <summary>Null while it has no slot.</summary>
    internal SlotHolder? Holder { get; set; }

    /// <summary>Its place among its holder's silent ones; in no list while the gateway is busy with it.</summary>
    internal LinkedListNode<Slot> Place { get; }
}

/// <summary>An address with all that it holds.</summary>
internal sealed class SlotHolder
{
    public SlotHolder() => Rank = new LinkedListNode<SlotHolder>(this);

    /// <summary>The longest silent first.</summary>
    public LinkedList<Slot> Silent { get; } = new();
    public int Busy { get; set; }

    /// <summary>Its place among those that have as many silent ones.</summary>
    public LinkedListNode<SlotHolder> Rank { get; }
}

/// <summary>
/// A number of slots for connections. Each is silent (the gateway waits for its peer) or busy (the peer waits for the gateway). When slots
/// run short the longest silent one of the address that has most of them makes room for the newcomer; if none is silent, the gateway has
/// more to do than it can, and an address with more than a fair share of that waits. Each call takes a fixed time. For one thread at a
/// time.
/// </summary>
internal sealed class FairSlots(int max)
{
    private readonly Dictionary<IPAddress, SlotHolder> _holders = [];

    /// <summary>By how many silent ones they have.</summary>
    private readonly List<LinkedList<SlotHolder>?> _ranks = [null];
    private int _largest, _busy, _busyHolders;

    /// <summary>How many are taken.</summary>
    public int Count { get; private set; }

    /// <summary>The peers of all wait for the gateway.</summary>
    public bool IsOverworked => _busy >= max;

    /// <summary>Takes a slot. It is silent, unless it is spared.</summary>
    /// <param name="closed">Whose slot it was, if there was none left: that connection is to be closed.</param>
    public bool TryTake(Slot slot, out Slot? closed)
    {
        closed = null;
        int own = _holders.TryGetValue(slot.Network, out var holder) ? holder.Busy : 0;
        if (!FairShare.Allows(own, _busyHolders, _busy, 1 - ((_busy + 1.0) / max))) return false;
        if (Count >= max)
        {
            closed = _ranks[_largest]?.First!.Value.Silent.First!.Value;
            if (closed is null) return false;
            Free(closed);
        }
        // Perhaps its own was the last.
        if (!_holders.TryGetValue(slot.Network, out holder)) _holders[slot.Network] = holder = new SlotHolder();
        slot.Holder = holder;
        Count++;
        if (slot.IsSpared) AddBusy(holder);
        else AddSilent(slot, holder);
        return true;
    }

    /// <summary>The peer has done its part. Nothing changes for one without a slot.</summary>
    public void Work(Slot slot)
    {
        if (slot.Holder is not { } holder || slot.Place.List is null) return;
        RemoveSilent(slot, holder);
        AddBusy(holder);
    }

    /// <summary>It is the peer's turn. Nothing changes for one without a slot.</summary>
    public void Wait(Slot slot)
    {
        if (slot.Holder is not { } holder || slot.Place.List is not null || slot.IsSpared) return;
        RemoveBusy(holder);
        AddSilent(slot, holder);
    }

    /// <summary>Gives its slot back. Repeats change nothing.</summary>
    public void Free(Slot slot)
    {
        if (slot.Holder is not { } holder) return;
        if (slot.Place.List is not null) RemoveSilent(slot, holder);
        else RemoveBusy(holder);
        slot.Holder = null;
        Count--;
        if (holder is { Busy: 0, Silent.Count: 0 }) _holders.Remove(slot.Network);
    }

    private void AddBusy(SlotHolder holder)
    {
        if (holder.Busy++ == 0) _busyHolders++;
        _busy++;
    }

    private void RemoveBusy(SlotHolder holder)
    {
        if (--holder.Busy == 0) _busyHolders--;
        _busy--;
    }

    private void AddSilent(Slot slot, SlotHolder holder)
    {
        holder.Silent.AddLast(slot.Place);
        Rank(holder);
        _largest = Math.Max(_largest, holder.Silent.Count);
    }

    private void RemoveSilent(Slot slot, SlotHolder holder)
    {
        holder.Silent.Remove(slot.Place);
        Rank(holder);
        // The holder that was alone at the top has one less now.
        if (_ranks[_largest] is not { Count: > 0 } && _largest > 0) _largest--;
    }

    private void Rank(SlotHolder holder)
    {
        holder.Rank.List?.Remove(holder.Rank);
        int silent = holder.Silent.Count;
        if (silent == 0) return;
        if (silent == _ranks.Count) _ranks.Add(null);
        (_ranks[silent] ??= new()).AddLast(holder.Rank);
    }
}
