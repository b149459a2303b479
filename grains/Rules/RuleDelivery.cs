using Fleet.Interfaces.Rules;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Rules;

/// <summary>
/// The shell around <see cref="DeliveryCore"/>, in the turns of its grain: carries out the effects and comes back with what they led to.
/// </summary>
#pragma warning disable CA1001 // The source has no timer and no wait handle: there is nothing to dispose of, and nobody who would.
internal sealed class RuleDelivery(
#pragma warning restore CA1001
    Grain grain, IRuleStore store, RuleSender sender, RuleOptions options, RuleMetrics metrics, TimeProvider clock, ILogger log)
{
    private readonly CancellationTokenSource _ending = new();
    private readonly Queue<DeliveryEvent> _events = new();
    private DeliveryState _state = new();
    private RuleDefinition? _definition;
    private IGrainTimer? _timer;
    private Task _settling = Task.CompletedTask;
    private bool _stepping;

    /// <summary>Set once, when the grain knows what it is called.</summary>
    public RuleName Rule { get; set; }

    public int InFlight => _state.InFlight.Count;

    /// <summary>Null: it is at work.</summary>
    public DateTimeOffset? PausedUntil => _state.Circuit.IsPaused(clock.GetUtcNow()) ? _state.Circuit.PausedUntil : null;

    /// <summary>Goes on as the rule is now.</summary>
    public void Work(RuleState rule)
    {
        _definition = rule.Enabled ? rule.Definition : null;
        if (rule.Definition is null) metrics.IsGone(Rule.Value);
        Step(new DeliveryEvent.Changed());
    }

    /// <summary>There may be something in the queue.</summary>
    public void Wake() => Step(new DeliveryEvent.Woken());

    /// <summary>The store has been looked at.</summary>
    public void Stands(RuleBacklog backlog)
    {
        metrics.Stands(Rule.Value, backlog);
        Step(new DeliveryEvent.Counted(backlog.DeadLetters));
    }

    /// <summary>
    /// The activation ends. What is under way is tried again by the next one; what was decided is stored, so that it is not.
    /// </summary>
    public async Task End()
    {
        _ending.Cancel();
        _timer?.Dispose();
        await _settling;
        if (_state.Settled.Length > _state.Settling) await Settle(_state.Settled.RemoveRange(0, _state.Settling));
        metrics.IsGone(Rule.Value);
    }

    /// <summary>One event after the other: an effect that ends at once must not begin another step in the middle of this one.</summary>
    private void Step(DeliveryEvent e)
    {
        _events.Enqueue(e);
        if (_stepping) return;
        _stepping = true;
        try
        {
            while (_events.TryDequeue(out var next))
            {
                if (!_ending.IsCancellationRequested) Apply(next);
            }
        }
        finally
        {
            _stepping = false;
        }
    }

    private void Apply(DeliveryEvent e)
    {
        var now = clock.GetUtcNow();
        var before = _state.Circuit;
        (_state, var effects) = DeliveryCore.Step(_state, e, new(_definition, options.MaxDeadLetters, now, Random.Shared.NextDouble()));
        Tell(before, e);
        foreach (var effect in effects)
        {
            _ = effect switch
            {
                DeliveryEffect.Fetch fetch => Fetch(fetch),
                DeliveryEffect.Send send => Send(send.Message),
                DeliveryEffect.Settle settle => _settling = Settle(settle.Settlements),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
        KeepTime(now);
    }

    private void KeepTime(DateTimeOffset now)
    {
        var due = DeliveryCore.NextTick(_state, now) is { } at ? at - now : Timeout.InfiniteTimeSpan;
        if (_timer is null && due == Timeout.InfiniteTimeSpan) return;
        _timer ??= grain.RegisterGrainTimer(
            Tick, new GrainTimerCreationOptions(due, Timeout.InfiniteTimeSpan) { Interleave = true, KeepAlive = true });
        _timer.Change(due, Timeout.InfiniteTimeSpan);
    }

    private Task Tick()
    {
        Step(new DeliveryEvent.Ticked());
        return Task.CompletedTask;
    }

    private async Task Send(QueuedMessage message)
    {
        AttemptOutcome outcome;
        try
        {
            outcome = await sender.Send(Rule, _definition!, message, message.Attempts + 1, _ending.Token);
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // It stays in the queue for the next activation.
            return;
        }
        catch (Exception e)
        {
            // A bug must not hold the message for ever: it counts as an attempt that failed.
            log.AttemptBroke(e, Rule.Value);
            outcome = new AttemptOutcome.Failed("The service failed.");
        }
        Step(new DeliveryEvent.Answered(message.Sequence, outcome));
    }

    private async Task Fetch(DeliveryEffect.Fetch fetch)
    {
        DueMessages due;
        try
        {
            due = await store.Fetch(Rule, clock.GetUtcNow(), fetch.Held, fetch.Limit);
        }
        catch (Exception e)
        {
            StoreFailed(e, wasFetching: true);
            return;
        }
        Step(new DeliveryEvent.Fetched(due, fetch.Limit));
    }

    private async Task Settle(ImmutableArray<Settlement> settlements)
    {
        RuleBacklog backlog;
        try
        {
            backlog = await store.Settle(Rule, settlements, clock.GetUtcNow());
        }
        catch (Exception e)
        {
            StoreFailed(e, wasFetching: false);
            return;
        }
        foreach (var dead in settlements.OfType<Settlement.Dead>())
        {
            metrics.GivenUp();
            log.GivenUp(Rule.Value, dead.Attempts, dead.Error);
        }
        if (_definition is not null) metrics.Stands(Rule.Value, backlog);
        Step(new DeliveryEvent.Stored(backlog.DeadLetters));
    }

    private void StoreFailed(Exception e, bool wasFetching)
    {
        log.StoreFailed(e, Rule.Value, DeliveryCore.StoreRetry);
        Step(new DeliveryEvent.StoreFailed(wasFetching));
    }

    private void Tell(Circuit before, DeliveryEvent e)
    {
        if (_state.Circuit.PausedUntil is { } until && until != before.PausedUntil
            && e is DeliveryEvent.Answered { Outcome: AttemptOutcome.Failed failed })
            log.Paused(Rule.Value, until, failed.Error);
        else if (before.PausedUntil is not null && _state.Circuit.PausedUntil is null && e is DeliveryEvent.Answered)
            log.Recovered(Rule.Value);
    }
}
