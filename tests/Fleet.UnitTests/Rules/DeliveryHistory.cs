using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;

namespace Fleet.UnitTests.Rules;

/// <summary>The core with a clock in the test's hand and chance at its largest, so that a second is a second; effects in words.</summary>
internal sealed class DeliveryHistory
{
    private int _limit;

    public DeliveryState State { get; private set; } = new();
    public RuleDefinition? Rule { get; set; } = Given.Definition;
    public DateTimeOffset Now { get; set; } = Given.Noon;
    public int MaxDeadLetters { get; init; } = 1_000;
    public DateTimeOffset? NextTick => DeliveryCore.NextTick(State, Now);

    public static QueuedMessage Message(long sequence) => Given.Message with { Sequence = sequence, Attempts = 0 };

    public DeliveryEvent Fetched(params int[] sequences) => Fetched((ImmutableArray<QueuedMessage>)[.. sequences.Select(s => Message(s))]);

    public DeliveryEvent Fetched(int count, int from) =>
        Fetched((ImmutableArray<QueuedMessage>)[.. Enumerable.Range(from, count).Select(s => Message(s))]);

    public DeliveryEvent Fetched(QueuedMessage first, params QueuedMessage[] others) =>
        Fetched((ImmutableArray<QueuedMessage>)[first, .. others]);

    private DeliveryEvent.Fetched Fetched(ImmutableArray<QueuedMessage> messages) => new(new(messages, null), _limit);

    /// <summary>Wakes it, and gives it that many messages, from 1.</summary>
    public void Fetches(int count)
    {
        Step(new DeliveryEvent.Woken());
        Step(Fetched(count, from: 1));
    }

    public void Answers(long sequence, AttemptOutcome outcome) => Step(new DeliveryEvent.Answered(sequence, outcome));

    /// <summary>Until nothing is left that is not in the store.</summary>
    public void Stores()
    {
        while (State.Settling > 0) Step(new DeliveryEvent.Stored(State.DeadLetters));
    }

    public void Does(DeliveryEvent e, params string[] effects) => Assert.Equal(effects, Describe(Step(e)));

    public ImmutableArray<DeliveryEffect> Step(DeliveryEvent e)
    {
        (State, var effects) = DeliveryCore.Step(State, e, new(Rule, MaxDeadLetters, Now, Jitter: 1));
        if (effects.OfType<DeliveryEffect.Fetch>().SingleOrDefault() is { } fetch) _limit = fetch.Limit;
        return effects;
    }

    public static IEnumerable<string> Describe(IEnumerable<DeliveryEffect> effects) => effects.Select(effect => effect switch
    {
        DeliveryEffect.Send send => $"send {send.Message.Sequence}",
        DeliveryEffect.Fetch fetch =>
            $"fetch {fetch.Limit}" + (fetch.Held.IsEmpty ? "" : $" without {string.Join(',', fetch.Held.Order())}"),
        DeliveryEffect.Settle settle => $"settle {string.Join(", ", settle.Settlements.Select(Describe))}",
        _ => throw new ArgumentException(effect.ToString()),
    });

    private static string Describe(Settlement settlement) => settlement switch
    {
        Settlement.Done done => $"{done.Sequence} done",
        Settlement.Retry retry => $"{retry.Sequence} retry {retry.Attempts} at +{(retry.DueAt - Given.Noon).TotalSeconds:0.#}s",
        Settlement.Dead dead => $"{dead.Sequence} dead after {dead.Attempts}: {dead.Error}",
        _ => throw new ArgumentException(settlement.ToString()),
    };
}
