using System.Diagnostics;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>
/// Works off a rule's queue: which messages are sent when, and what becomes of them. Pure: the shell sends, stores, and keeps time.
/// </summary>
internal static class DeliveryCore
{
    public static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Messages held in memory: some to go on with while the store is asked for more, and 16 MiB of the largest payloads.
    /// </summary>
    private const int MaxHeld = 128;
    private const int HeldPerAttempt = 4;

    public static (DeliveryState State, ImmutableArray<DeliveryEffect> Effects) Step(
        DeliveryState state, DeliveryEvent e, DeliveryContext context)
    {
        state = Apply(state, e, context);
        var effects = ImmutableArray.CreateBuilder<DeliveryEffect>();
        if (context.Rule is { } rule) state = Fetch(Send(state, rule, context, effects), rule, context.Now, effects);
        state = Settle(state, context.Now, effects);
        return (state, effects.DrainToImmutable());
    }

    /// <summary>When a tick is needed though nothing happens; null: never.</summary>
    public static DateTimeOffset? NextTick(DeliveryState state, DateTimeOffset now)
    {
        DateTimeOffset? next = null;
        Consider(state.Circuit.PausedUntil);
        Consider(state.StoreRetryAt);
        // What becomes due in a pause waits for its end.
        if (!state.Circuit.IsPaused(now)) Consider(state.LookAt);
        return next;

        void Consider(DateTimeOffset? at)
        {
            if (at > now && (next is null || at < next)) next = at;
        }
    }

    private static DeliveryState Apply(DeliveryState state, DeliveryEvent e, DeliveryContext context) => e switch
    {
        DeliveryEvent.Ticked => state,
        DeliveryEvent.Woken => state with { LookAt = context.Now },
        // What waits is in the store: whoever is enabled again takes it again.
        DeliveryEvent.Changed => state with { LookAt = context.Now, Circuit = Circuit.Closed, Waiting = [] },
        DeliveryEvent.Fetched fetched => state with
        {
            Fetching = false,
            StoreRetryAt = null,
            Waiting = state.Waiting.AddRange(fetched.Messages.Messages),
            LookAt = Earlier(state.LookAt, fetched.Messages.Messages.Length == fetched.Limit ? context.Now : fetched.Messages.NextDueAt),
        },
        DeliveryEvent.Answered answered => Judge(state, state.InFlight[answered.Sequence], answered.Outcome, context),
        DeliveryEvent.Stored stored => state with
        {
            LookAt = state.Settled.Take(state.Settling)
                .OfType<Settlement.Retry>().Aggregate(state.LookAt, (at, retry) => Earlier(at, retry.DueAt)),
            Settled = state.Settled.RemoveRange(0, state.Settling),
            Settling = 0,
            StoreRetryAt = null,
            DeadLetters = stored.DeadLetters,
        },
        DeliveryEvent.Counted counted => state with { DeadLetters = counted.DeadLetters },
        DeliveryEvent.StoreFailed { WasFetching: true } =>
            state with { Fetching = false, LookAt = context.Now, StoreRetryAt = context.Now + StoreRetry },
        DeliveryEvent.StoreFailed => state with { Settling = 0, StoreRetryAt = context.Now + StoreRetry },
        _ => throw new UnreachableException(),
    };

    private static DeliveryState Judge(DeliveryState state, QueuedMessage message, AttemptOutcome outcome, DeliveryContext context)
    {
        state = state with
        {
            InFlight = state.InFlight.Remove(message.Sequence),
            Circuit = outcome is AttemptOutcome.Failed f ? state.Circuit.Fail(context.Now, context.Jitter, f.RetryAfter) : Circuit.Closed,
        };
        int attempts = message.Attempts + 1;
        return outcome switch
        {
            AttemptOutcome.Delivered => Decide(state, new Settlement.Done(message.Sequence)),
            AttemptOutcome.Refused refused => GiveUp(state, message, attempts, refused.Error, null, context),
            AttemptOutcome.Failed failed when context.Rule is { } rule
                && (attempts >= rule.MaxAttempts || IsTooOld(message, rule, context.Now)) =>
                GiveUp(state, message, attempts, failed.Error, failed.RetryAfter, context),
            AttemptOutcome.Failed failed => Decide(state, Again(message, attempts, failed.Error, failed.RetryAfter, context)),
            _ => throw new UnreachableException(),
        };
    }

    /// <summary>Where there is no room among the dead letters, it stays in the queue: nothing is lost that nobody was told of.</summary>
    private static DeliveryState GiveUp(
        DeliveryState state, QueuedMessage message, int attempts, string error, TimeSpan? retryAfter, DeliveryContext context)
    {
        bool room = state.DeadLetters + state.Settled.Count(s => s is Settlement.Dead) < context.MaxDeadLetters;
        return Decide(state, room
            ? new Settlement.Dead(message.Sequence, attempts, error)
            : Again(
                message, attempts, $"{error} (there is no room among the dead letters)", retryAfter ?? DeliveryBackoff.Longest, context));
    }

    private static Settlement.Retry Again(
        QueuedMessage message, int attempts, string error, TimeSpan? retryAfter, DeliveryContext context) =>
        new(message.Sequence, attempts, context.Now + DeliveryBackoff.After(attempts, context.Jitter, retryAfter), error);

    private static DeliveryState Decide(DeliveryState state, Settlement settlement) =>
        state with { Settled = state.Settled.Add(settlement) };

    private static DeliveryState Send(
        DeliveryState state, RuleDefinition rule, DeliveryContext context, ImmutableArray<DeliveryEffect>.Builder effects)
    {
        int allowed = state.Circuit.Allowed(rule.Concurrency, context.Now);
        while (!state.Waiting.IsEmpty)
        {
            var message = state.Waiting[0];
            if (IsTooOld(message, rule, context.Now))
            {
                state = GiveUp(
                    state with { Waiting = state.Waiting.RemoveAt(0) }, message, message.Attempts,
                    "It waited for longer than the rule's maxAge.", null, context);
                continue;
            }
            if (state.InFlight.Count >= allowed) return state;
            state = state with { Waiting = state.Waiting.RemoveAt(0), InFlight = state.InFlight.Add(message.Sequence, message) };
            effects.Add(new DeliveryEffect.Send(message));
        }
        return state;
    }

    private static DeliveryState Fetch(
        DeliveryState state, RuleDefinition rule, DateTimeOffset now, ImmutableArray<DeliveryEffect>.Builder effects)
    {
        int limit = Math.Min(MaxHeld, rule.Concurrency * HeldPerAttempt) - state.Held;
        bool isTime = state.LookAt <= now && !(state.StoreRetryAt > now) && !state.Circuit.IsPaused(now);
        if (state.Fetching || !isTime || limit <= 0 || state.Waiting.Length >= rule.Concurrency) return state;
        effects.Add(new DeliveryEffect.Fetch(state.HeldSequences, limit));
        return state with { Fetching = true, LookAt = null };
    }

    private static DeliveryState Settle(DeliveryState state, DateTimeOffset now, ImmutableArray<DeliveryEffect>.Builder effects)
    {
        if (state.Settling > 0 || state.Settled.IsEmpty || state.StoreRetryAt > now) return state;
        effects.Add(new DeliveryEffect.Settle(state.Settled));
        return state with { Settling = state.Settled.Length };
    }

    private static bool IsTooOld(QueuedMessage message, RuleDefinition rule, DateTimeOffset now) => now - message.QueuedAt > rule.MaxAge;

    private static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b ?? a : a;
}
