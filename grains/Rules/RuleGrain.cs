using Fleet.Grains.Records;
using Fleet.Interfaces.Rules;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Grains.Rules;

/// <summary>
/// The shell of a rule: what operators change of it. What the gateways must still be told, and what is left of a deleted rule, follows from
/// the record, so each activation and each reminder sees to both again.
/// </summary>
internal sealed class RuleGrain : Grain, IRuleGrain, IRemindable
{
    private const string Reminder = "work";
    private const int RowsAtATime = 500;
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PruneEvery = TimeSpan.FromHours(1);

    private readonly IPersistentState<RuleState> _record;
    private readonly IRuleStore _store;
    private readonly RuleOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<RuleGrain> _log;
    private readonly RuleDelivery _delivery;
    private RuleState _saved = new();
    private DateTimeOffset _pruneAt;

    public RuleGrain(
        [PersistentState("rule")] IPersistentState<RuleState> record, IRuleStore store, RuleSender sender, IOptions<RuleOptions> options,
        RuleMetrics metrics, TimeProvider clock, ILogger<RuleGrain> log)
    {
        (_record, _store, _options, _clock, _log) = (record, store, options.Value, clock, log);
        _delivery = new RuleDelivery(this, store, sender, _options, metrics, clock, log);
    }

    private RuleName Name =>
        RuleName.TryParse(this.GetPrimaryKeyString(), out var name)
            ? name : throw new InvalidOperationException("The key is not a rule name.");

    private IRuleRegistryGrain Registry => GrainFactory.GetGrain<IRuleRegistryGrain>(IRuleRegistryGrain.Key);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(_record);
        _delivery.Rule = Name;
        _saved = _record.State;
        if (_saved.Definition is null) return;
        await Count();
        _delivery.Work(_saved);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => _delivery.End();

    public async Task<RuleResult> Put(RuleDefinition definition, long? ifVersion)
    {
        if (RuleChecks.Check(definition, _options) is { } invalid) return invalid;
        var decision = RuleCore.Put(_saved, Name, definition, ifVersion, _clock.GetUtcNow());
        if (decision.Next is { } next && _saved.Definition is null)
        {
            if (!await Registry.HasRoom(Name)) return new RuleResult.TooMany(_options.MaxRules);
            if (_saved.Dropping) await _store.Drop(Name);
            await _store.Open(Name);
            // The reminder before the record: a rule that nobody else remembers must still work.
            await this.RegisterOrUpdateReminder(Reminder, ReminderPeriod, ReminderPeriod);
            decision = decision with { Next = next with { Dropping = false } };
        }
        return await Become(decision);
    }

    public Task<RuleResult> SetEnabled(bool enabled) => Become(RuleCore.SetEnabled(_saved, enabled, _clock.GetUtcNow()));

    public Task<RuleResult> Delete(long? ifVersion) => Become(RuleCore.Delete(_saved, ifVersion, _clock.GetUtcNow()));

    public Task<RuleView?> Get() => Task.FromResult(_saved.ToView());

    public async Task<RuleStatus?> GetStatus()
    {
        if (_saved.Definition is null || await _store.GetBacklog(Name) is not { } backlog) return null;
        return new RuleStatus
        {
            Queued = backlog.Queued,
            QueuedBytes = backlog.QueuedBytes,
            InFlight = _delivery.InFlight,
            Delivered = backlog.Delivered,
            Failed = backlog.Failed,
            DeadLetters = backlog.DeadLetters,
            LastError = backlog.LastError,
            LastErrorAt = backlog.LastErrorAt,
            PausedUntil = _saved.Enabled ? _delivery.PausedUntil : null,
        };
    }

    public Task Wake()
    {
        if (_saved.Enabled) _delivery.Wake();
        return Task.CompletedTask;
    }

    public async Task<long> Replay(string? id)
    {
        long all = await ByPortions(limit => _store.Replay(Name, id, limit, _clock.GetUtcNow()));
        if (all == 0) return 0;
        _log.Replayed(Name.Value, all);
        await Count();
        await Wake();
        return all;
    }

    public async Task<long> Discard(string? id)
    {
        long all = await ByPortions(limit => _store.Discard(Name, id, diedBefore: null, limit));
        if (all > 0) await Count();
        return all;
    }

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        if (_saved.Definition is null)
        {
            await FinishDeletion();
            return;
        }
        await Registry.Set(_saved.Route);
        await Prune();
        await Count();
        await Wake();
    }

    private async Task<RuleResult> Become(RuleDecision decision)
    {
        if (decision.Next is { } next)
        {
            await Save(next);
            _delivery.Work(next);
        }
        // A repeat tells the gateways again: who got no answer to the first cannot know how far it came.
        if (decision.Result is RuleResult.Stored) await Registry.Set(_saved.Route);
        if (_saved.Dropping) await FinishDeletion();
        return decision.Result;
    }

    private async Task Save(RuleState next)
    {
        await this.Save(_record, next);
        _saved = next;
        if (next.Definition is { } definition)
            _log.Changed(Name.Value, next.Version, definition.TopicFilter ?? "basic ingest only", next.Enabled ? "enabled" : "disabled");
        else _log.Deleted(Name.Value);
    }

    private async Task FinishDeletion()
    {
        if (_saved.Dropping)
        {
            await Registry.Remove(Name, _saved.Version);
            await _store.Drop(Name);
            await this.Save(_record, _saved with { Dropping = false });
            _saved = _record.State;
        }
        if (await this.GetReminder(Reminder) is { } reminder) await this.UnregisterReminder(reminder);
    }

    private async Task Count()
    {
        if (await _store.GetBacklog(Name) is { } backlog) _delivery.Stands(backlog);
    }

    private async Task Prune()
    {
        var now = _clock.GetUtcNow();
        if (now < _pruneAt) return;
        _pruneAt = now + PruneEvery;
        long pruned = await ByPortions(limit => _store.Discard(Name, id: null, now - TimeSpan.FromDays(_options.DeadLetterDays), limit));
        if (pruned > 0) _log.Pruned(Name.Value, pruned, _options.DeadLetterDays);
    }

    /// <summary>A hundred thousand rows in one transaction would hold up everybody else's.</summary>
    private static async Task<long> ByPortions(Func<int, Task<int>> portion)
    {
        long all = 0;
        int done;
        do
        {
            done = await portion(RowsAtATime);
            all += done;
        }
        while (done == RowsAtATime);
        return all;
    }
}
