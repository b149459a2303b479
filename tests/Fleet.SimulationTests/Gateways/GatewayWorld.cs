using System.Globalization;
using Fleet.Gateway.Failover;
using Fleet.Interfaces.Messaging;
using Fleet.SimulationTests.Kernel;

namespace Fleet.SimulationTests.Gateways;

/// <summary>
/// Gateways, their store and registry, and publishers who go from one to another. What comes when, what is lost, and who dies at which step
/// is drawn from the seed. After a while nothing fails any more, and everything has to come to its end.
/// </summary>
internal sealed class GatewayWorld
{
    private const int Sessions = 6, MaxGateways = 9, CalmMs = 150_000, EveryMs = 3_000, MetMs = 4_000;
    private static readonly string[] Topics = ["a", "b", "c"];

    private readonly PriorityQueue<(SimulatedGateway? Owner, Action Action), (long, long)> _agenda = new();
    private readonly Dictionary<long, SimulatedMessage> _messages = [];
    private readonly double _faults, _kills;
    private readonly long _faultsEndAt;
    private readonly bool _isTold;
    private long _order;
    private int _lastId, _lastPublisher;

    /// <param name="isTold">Whether what happens is noted: it costs more than all the rest.</param>
    public GatewayWorld(int seed, bool isTold, TextWriter? history)
    {
        _isTold = isTold;
        History = new History(() => TimeSpan.FromMilliseconds(Now), history);
        Random = SeedStreams.Of(seed, "gateways");
        Checks = new GatewayChecks(History);
        Store = new SimulatedSessionStore(Checks);
        Registry = new SimulatedRegistry(this);
        _faults = Random.Next(3) == 0 ? 0 : Random.NextDouble();
        _kills = Random.NextDouble() * 0.1;
        _faultsEndAt = MetMs + Random.Next(3_000, 25_000);
    }

    public History History { get; }
    public Random Random { get; }
    public GatewayChecks Checks { get; }
    public SimulatedSessionStore Store { get; }
    public SimulatedRegistry Registry { get; }
    public List<SimulatedGateway> Gateways { get; } = [];
    public IReadOnlyCollection<SimulatedMessage> Messages => _messages.Values;

    /// <summary>In milliseconds.</summary>
    public long Now { get; private set; }

    private bool IsCalm => Now >= _faultsEndAt;

    public void Run()
    {
        int first = Random.Next(3, 5);
        for (int i = 0; i < first; i++) Start($"host-{i}");
        for (int i = 0; i < Sessions; i++) Gateways[Random.Next(first)].Create($"session-{i}", Random.Pick<string>(Topics));
        // Until they have met, and know what each wants.
        for (int i = 0; i < 3; i++) After(MetMs, null, () => Publish(null, 0, "", 0, 0));
        After(MetMs + Random.Next(3_000), null, Disturb);
        while (_agenda.TryDequeue(out var next, out var due) && due.Item1 < _faultsEndAt + CalmMs && Checks.Broken is null)
        {
            Now = due.Item1;
            if (next.Owner is { IsAlive: false }) continue;
            next.Action();
            Checks.AtEachStep(this);
        }
        if (Checks.Broken is { } broken) throw broken;
        Checks.AtTheEnd(this);
    }

    /// <param name="owner">The process in which it happens: not if that is dead by then. Null: it happens outside.</param>
    public void After(int delayMs, SimulatedGateway? owner, Action action) => _agenda.Enqueue((owner, action), (Now + delayMs, _order++));

    public bool Fails(double rate) => Now >= MetMs && !IsCalm && Random.Chance(rate * _faults);

    public string NewId() => string.Create(CultureInfo.InvariantCulture, $"g{++_lastId}");

    public SimulatedGateway? Living(string id) => Gateways.Find(gateway => gateway.IsAlive && gateway.Id == id);

    public SimulatedMessage MessageOf(long number) => _messages[number];

    public void Log(string who, Func<string> what)
    {
        if (_isTold) History.Add(who, what());
    }

    /// <summary>A gateway may die at each step of a fail-over, and before what the step says is done.</summary>
    public bool KillsAt(SimulatedGateway gateway, FailoverEffect effect)
    {
        if (Now < MetMs || IsCalm || !Random.Chance(_kills)) return false;
        return Kill(gateway);
    }

    private void Start(string name)
    {
        var gateway = new SimulatedGateway(this, name);
        Gateways.Add(gateway);
        gateway.Begin(again: false);
        Every();

        void Every() => After(Random.Next(EveryMs / 2, EveryMs), gateway, () =>
        {
            Registry.Beat(gateway);
            gateway.Sweep();
            Every();
        });
    }

    private bool Kill(SimulatedGateway gateway)
    {
        if (Gateways.Count(other => other.IsAlive) < 2) return false;
        gateway.Kill();
        // Its machine may start it again at once, before anybody has noticed; or it is noticed, or only its silo.
        string id = gateway.Id;
        if (Gateways.Count < MaxGateways && Random.Next(2) == 0)
        {
            string name = Random.Next(2) == 0 ? gateway.Name : string.Create(CultureInfo.InvariantCulture, $"host-{Gateways.Count}");
            After(Random.Next(10, 5_000), null, () => Start(name));
        }
        After(Random.Next(4) == 0 ? Random.Next(10, 500) : Random.Next(500, 12_000), null, () => Registry.Remove(id));
        return true;
    }

    /// <summary>Somebody is killed, or cut off and taken for dead; or a new one comes.</summary>
    private void Disturb()
    {
        if (IsCalm) return;
        var living = Gateways.Where(gateway => gateway.IsAlive).ToArray();
        switch (Random.Next(4))
        {
            case 0 when living.Length > 1: Registry.Remove(Random.Pick<SimulatedGateway>(living).Id); break;
            case 1 when Gateways.Count < MaxGateways: Start(string.Create(CultureInfo.InvariantCulture, $"host-{Gateways.Count}")); break;
            default: Kill(Random.Pick<SimulatedGateway>(living)); break;
        }
        After(Random.Next(500, 10_000), null, Disturb);
    }

    /// <summary>A publisher's next message; at another gateway, as another publisher, when its connection has ended.</summary>
    private void Publish(SimulatedGateway? at, int life, string topic, int publisher, int seq) => After(Random.Next(5, 400), null, () =>
    {
        if (Now > _faultsEndAt + 20_000) return;
        if (at is not { IsAlive: true, IsBeginning: false } || at.Life != life)
        {
            SimulatedGateway[] open = [.. Gateways.Where(gateway => gateway is { IsAlive: true, IsBeginning: false })];
            at = open.Length == 0 ? null : Random.Pick<SimulatedGateway>(open);
            (life, topic, publisher, seq) = (at?.Life ?? 0, Random.Pick<string>(Topics), ++_lastPublisher, 0);
        }
        if (at is not null)
        {
            var message = new SimulatedMessage(_messages.Count + 1, topic, publisher, seq++);
            _messages.Add(message.Number, message);
            Log(at.Id, () => $"is given {message}");
            at.Publish(message);
        }
        Publish(at, life, topic, publisher, seq);
    });
}
