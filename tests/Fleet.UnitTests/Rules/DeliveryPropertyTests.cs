using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;

namespace Fleet.UnitTests.Rules;

/// <summary>
/// Histories drawn from a seed: a receiver that comes and goes, a store that fails, a process that is killed in the middle. Whatever happens, each message
/// is delivered or given up in the end, none is forgotten, and a receiver that is down is not hammered.
/// </summary>
public sealed class DeliveryPropertyTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 200)];

    [Theory, MemberData(nameof(Seeds))]
    public void Each_message_is_delivered_or_given_up_and_none_is_forgotten(int seed)
    {
        var world = new World(new Random(seed));
        world.Run();
        Assert.True(world.Lost.Count == 0, $"seed {seed}: {string.Join(", ", world.Lost)} were lost");
        Assert.True(world.Queue.Count == 0, $"seed {seed}: {world.Queue.Count} messages are still there at {world.Now}");
    }

    [Fact]
    public void A_receiver_that_is_down_for_an_hour_sees_some_dozens_of_attempts()
    {
        var world = new World(new Random(1)) { DownUntil = Given.Noon.AddHours(1), Kills = 0 };
        world.Run();
        Assert.InRange(world.AttemptsWhileDown, 10, 40);
    }

    private sealed class World(Random chance)
    {
        private const int Messages = 200;

        private readonly RuleDefinition _rule = Given.Definition with { Concurrency = 1 + chance.Next(8), MaxAttempts = 1 + chance.Next(20), MaxAge = TimeSpan.FromHours(6) };
        private readonly HashSet<long> _delivered = [], _dead = [];
        private readonly List<(DateTimeOffset At, int Life, Func<DeliveryEvent> Event)> _agenda = [];
        private DeliveryState _state = new();
        private int _life;

        public DateTimeOffset Now { get; private set; } = Given.Noon;
        public DateTimeOffset DownUntil { get; init; } = Given.Noon;
        public int Kills { get; set; } = 3;
        public int AttemptsWhileDown { get; private set; }
        public SortedDictionary<long, (QueuedMessage Message, DateTimeOffset DueAt)> Queue { get; } = [];
        public List<long> Lost => [.. Enumerable.Range(1, Messages).Select(i => (long)i).Where(i => !_delivered.Contains(i) && !_dead.Contains(i) && !Queue.ContainsKey(i))];

        public void Run()
        {
            for (int i = 1; i <= Messages; i++)
            {
                var message = Given.Message with { Sequence = i, Attempts = 0, QueuedAt = Now.AddSeconds(i / 4) };
                At(message.QueuedAt, () => { Queue.Add(message.Sequence, (message, message.QueuedAt)); return new DeliveryEvent.Woken(); }, anyLife: true);
            }
            for (int steps = 0; steps < 100_000 && (_agenda.Count > 0 || Tick() is not null); steps++)
            {
                var next = _agenda.Count > 0 ? _agenda.Min(a => a.At) : DateTimeOffset.MaxValue;
                if (Tick() is { } tick && tick < next)
                {
                    Now = tick;
                    Step(new DeliveryEvent.Ticked());
                    continue;
                }
                var (at, life, happens) = _agenda.First(a => a.At == next);
                _agenda.Remove((at, life, happens));
                Now = at;
                var e = happens();
                // What a process that was killed had asked for happens all the same, and nobody hears of it.
                if (life == _life || life < 0) Step(e);
                if (Kills > 0 && chance.Next(100) == 0) Kill();
            }
        }

        private DateTimeOffset? Tick() => DeliveryCore.NextTick(_state, Now);

        private void Kill()
        {
            Kills--;
            _life++;
            _state = new();
            Step(new DeliveryEvent.Woken());
        }

        private void Step(DeliveryEvent e)
        {
            (_state, var effects) = DeliveryCore.Step(_state, e, new(_rule, int.MaxValue, Now, chance.NextDouble()));
            Assert.True(_state.InFlight.Count <= _rule.Concurrency);
            Assert.True(_state.Held <= 128);
            Assert.Equal(_state.Held, _state.HeldSequences.Count);
            foreach (var effect in effects) Carry(effect);
        }

        private void Carry(DeliveryEffect effect)
        {
            var soon = Now.AddMilliseconds(1 + chance.Next(50));
            bool storeFails = chance.Next(20) == 0;
            switch (effect)
            {
                case DeliveryEffect.Send send:
                    bool down = Now < DownUntil;
                    if (down) AttemptsWhileDown++;
                    At(soon, () => new DeliveryEvent.Answered(send.Message.Sequence, down ? new AttemptOutcome.Failed("down") : Answer(send.Message.Sequence)));
                    break;
                case DeliveryEffect.Fetch when storeFails: At(soon, () => new DeliveryEvent.StoreFailed(WasFetching: true)); break;
                case DeliveryEffect.Fetch fetch:
                    At(soon, () =>
                    {
                        var due = Queue.Values.Where(row => row.DueAt <= Now && !fetch.Held.Contains(row.Message.Sequence))
                            .OrderBy(row => row.DueAt).Take(fetch.Limit).ToList();
                        var later = Queue.Values.Where(row => row.DueAt > Now).Select(row => (DateTimeOffset?)row.DueAt).Min();
                        return new DeliveryEvent.Fetched(
                            new([.. due.Select(row => row.Message)], due.Count < fetch.Limit ? later : null), fetch.Limit);
                    });
                    break;
                case DeliveryEffect.Settle when storeFails: At(soon, () => new DeliveryEvent.StoreFailed(WasFetching: false)); break;
                case DeliveryEffect.Settle settle:
                    At(soon, () =>
                    {
                        foreach (var settlement in settle.Settlements) Store(settlement);
                        return new DeliveryEvent.Stored(0);
                    });
                    break;
            }
        }

        private AttemptOutcome Answer(long sequence)
        {
            int draw = chance.Next(10);
            if (draw > 4) _delivered.Add(sequence);
            return draw switch
            {
                0 => new AttemptOutcome.Refused("HTTP 400"),
                1 => new AttemptOutcome.Failed("HTTP 429", TimeSpan.FromSeconds(chance.Next(20))),
                < 5 => new AttemptOutcome.Failed("HTTP 500"),
                _ => new AttemptOutcome.Delivered(),
            };
        }

        private void Store(Settlement settlement)
        {
            if (!Queue.TryGetValue(settlement.Sequence, out var row)) return;
            switch (settlement)
            {
                case Settlement.Done:
                    Assert.Contains(settlement.Sequence, _delivered);
                    Queue.Remove(settlement.Sequence);
                    break;
                case Settlement.Retry retry: Queue[settlement.Sequence] = (row.Message with { Attempts = retry.Attempts }, retry.DueAt); break;
                case Settlement.Dead:
                    _dead.Add(settlement.Sequence);
                    Queue.Remove(settlement.Sequence);
                    break;
            }
        }

        private void At(DateTimeOffset at, Func<DeliveryEvent> happens, bool anyLife = false) => _agenda.Add((at, anyLife ? -1 : _life, happens));
    }
}
