using Fleet.Gateway.Journal;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// The tables of persistent sessions, as <c>ISessionStore</c> promises them. What fails before or after it landed is the caller's matter;
/// here everything lands at once.
/// </summary>
internal sealed class SimulatedSessionStore(GatewayChecks checks)
{
    private readonly List<Owner> _owners = [];
    private readonly Dictionary<(long Owner, string Sender), long> _marks = [];

    public List<StoredRow> Rows { get; } = [];
    public IReadOnlyList<Owner> Owners => _owners;

    public (long Number, ImmutableArray<string> Predecessors) Begin(string gateway, string? name)
    {
        _owners.Add(new Owner(gateway, name));
        int number = _owners.Count;
        foreach (var left in _owners.Take(number - 1).Where(left => name is not null && left.Name == name)) left.Successor ??= number;
        PassOn(owner => Of(owner).Successor == number, number);
        return (number, [.. _owners.Where(left => left.Successor == number && !left.IsFailedOver).Select(left => left.Gateway)]);
    }

    public IEnumerable<StoredRow> Load(long owner) => Rows.Where(row => row.Owner == owner);

    /// <returns>False: fenced.</returns>
    public bool Write(
        long owner, IEnumerable<(StoredRow Row, long Number, SimulatedMessage Message)> deliveries, IReadOnlyDictionary<string, long> marks)
    {
        if (IsFenced(owner)) return false;
        foreach (var (row, number, message) in deliveries)
        {
            if (row.Deliveries.TryAdd(number, message)) checks.Stored(row, message);
        }
        foreach (var (sender, number) in marks) _marks[(owner, sender)] = number;
        return true;
    }

    /// <returns>Null: the one that asks is fenced.</returns>
    public (string? Successor, ImmutableArray<string> Through, ImmutableArray<LinkMark> Marks, StoredRow[] Rows)? Inherit(
        long owner, string gateway)
    {
        if (IsFenced(owner)) return null;
        int dead = _owners.FindIndex(left => left.Gateway == gateway) + 1;
        long successor = Of(dead).Successor ??= owner;
        var through = ImmutableArray.CreateBuilder<string>();
        for (; successor != owner; successor = Of(successor).Successor!.Value)
        {
            through.Add(Of(successor).Gateway);
            if (Of(successor).Successor is null) return (through[^1], [], [], []);
        }
        var marks = _marks.Where(mark => mark.Key.Owner == dead).Select(mark => new LinkMark(mark.Key.Sender, mark.Value));
        return (null, through.ToImmutable(), [.. marks], [.. Load(dead)]);
    }

    /// <returns>False: fenced.</returns>
    public bool TakeOver(long owner, string gateway)
    {
        if (IsFenced(owner)) return false;
        PassOn(from => Of(from).Gateway == gateway, owner);
        return true;
    }

    public void CompleteFailover(string gateway)
    {
        int dead = _owners.FindIndex(left => left.Gateway == gateway) + 1;
        Of(dead).IsFailedOver = true;
        foreach (var mark in _marks.Keys.Where(mark => mark.Sender == gateway || mark.Owner == dead).ToArray()) _marks.Remove(mark);
    }

    public string? LeftBy(StoredRow row) => IsUnderWay(row.LeftBy) ? Of(row.LeftBy).Gateway : null;

    public string GatewayOf(StoredRow row) => Of(row.Owner).Gateway;

    public bool IsFenced(long owner) => Of(owner).Successor is not null;

    private void PassOn(Func<long, bool> from, long to)
    {
        foreach (var row in Rows.Where(row => from(row.Owner)))
            (row.Owner, row.LeftBy) = (to, IsUnderWay(row.LeftBy) ? row.LeftBy : row.Owner);
    }

    private bool IsUnderWay(long dead) => dead != 0 && !Of(dead).IsFailedOver;

    private Owner Of(long number) => _owners[(int)number - 1];

    internal sealed class Owner(string gateway, string? name)
    {
        public string Gateway => gateway;
        public string? Name => name;
        public long? Successor { get; set; }
        public bool IsFailedOver { get; set; }
    }
}

/// <summary>A persistent session in the store.</summary>
internal sealed class StoredRow(string key, string topic, long owner)
{
    public string Key => key;
    public string Topic => topic;
    public long Owner { get; set; } = owner;

    /// <summary>0: nobody.</summary>
    public long LeftBy { get; set; }

    /// <summary>All that the session was ever owed, by number.</summary>
    public SortedDictionary<long, SimulatedMessage> Deliveries { get; } = [];
}

/// <summary>A QoS 2 message.</summary>
/// <param name="publisher">At one gateway: a publisher that goes to another is another one.</param>
/// <param name="sequence">Of this publisher's.</param>
internal sealed class SimulatedMessage(long number, string topic, int publisher, int sequence)
{
    public long Number => number;
    public string Topic => topic;
    public int Publisher => publisher;
    public int Sequence => sequence;

    /// <summary>Its publisher has been told that all is well.</summary>
    public bool IsAcknowledged { get; set; }

    public override string ToString() => $"{topic}/{publisher}:{sequence}";
}
