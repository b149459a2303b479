using Fleet.Testing.Host.Activations;
using Orleans;
using Orleans.Runtime;
using Orleans.Timers;

namespace Fleet.Testing.Host.Reminders;

/// <summary>Keeps reminders in the table and calls their grains when they are due.</summary>
internal sealed class ReminderService : IReminderRegistry, IDisposable
{
    private readonly IReminderTable _table;
    private readonly IGrainFactory _grains;
    private readonly GrainCatalog _catalog;
    private readonly GrainRuntime _runtime;
    private readonly ReminderSchedule _schedule;

    public ReminderService(IReminderTable table, IGrainFactory grains, GrainCatalog catalog, GrainRuntime runtime)
    {
        _table = table;
        _grains = grains;
        _catalog = catalog;
        _runtime = runtime;
        _schedule = new(runtime.Time, runtime.CreateTimer, Tick);
    }

    public int Count => _schedule.Count;

    /// <summary>Reads the table. A tick that fell while the process was down is past; the next one is on the reminder's own beat.</summary>
    public async Task Start(CancellationToken cancellation)
    {
        await _table.StartAsync(cancellation);
        // The whole ring.
        var rows = await _table.ReadRows(0, 0);
        foreach (var row in rows.Reminders)
        {
            if (_catalog.ClassFor(row.GrainId.Type) is null)
                _runtime.Logger.ReminderWithoutGrain(row.ReminderName, row.GrainId.ToString());
            else _schedule.Set(row, _schedule.Now);
        }
    }

    public Task Stop(CancellationToken cancellation)
    {
        _schedule.Dispose();
        return _table.StopAsync(cancellation);
    }

    public async Task<IGrainReminder> RegisterOrUpdateReminder(GrainId callingGrainId, string reminderName, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dueTime, TimeSpan.Zero);
        if (period < _runtime.Options.MinimumReminderPeriod)
            throw new ArgumentException(
                $"Reminder {reminderName} of {callingGrainId} has a period of {period}; the shortest is {_runtime.Options.MinimumReminderPeriod}.", nameof(period));
        var now = _schedule.Now;
        var entry = new ReminderEntry { GrainId = callingGrainId, ReminderName = reminderName, StartAt = now + dueTime, Period = period };
        entry.ETag = await _table.UpsertRow(entry);
        // A moment before now, so that a reminder without a due time ticks at once.
        _schedule.Set(entry, now - TimeSpan.FromTicks(1));
        return new Reminder(reminderName, entry.ETag);
    }

    public async Task UnregisterReminder(GrainId callingGrainId, IGrainReminder reminder)
    {
        if (reminder is not Reminder { ETag: { } etag } known)
            throw new ArgumentException($"It is not what {nameof(GetReminder)} or {nameof(RegisterOrUpdateReminder)} returned.", nameof(reminder));
        // One that is gone already is as it should be.
        if (!await _table.RemoveRow(callingGrainId, known.ReminderName, etag) && await _table.ReadRow(callingGrainId, known.ReminderName) is not null)
            throw new ReminderException($"Reminder {known.ReminderName} of {callingGrainId} was updated since it was read.");
        _schedule.Remove(callingGrainId, known.ReminderName);
    }

    public async Task<IGrainReminder?> GetReminder(GrainId callingGrainId, string reminderName) =>
        await _table.ReadRow(callingGrainId, reminderName) is { } row ? new Reminder(row.ReminderName, row.ETag) : null;

    public async Task<List<IGrainReminder>> GetReminders(GrainId callingGrainId) =>
        [.. (await _table.ReadRows(callingGrainId)).Reminders.Select(row => new Reminder(row.ReminderName, row.ETag))];

    public void Dispose() => _schedule.Dispose();

    private async Task Tick(ReminderSchedule.Scheduled reminder, DateTime at)
    {
        var entry = reminder.Entry;
        try
        {
            await _grains.GetGrain<IRemindable>(entry.GrainId).ReceiveReminder(entry.ReminderName, new(entry.StartAt, entry.Period, at));
        }
        catch (Exception e)
        {
            _runtime.Logger.ReminderFailed(entry.ReminderName, entry.GrainId.ToString(), reminder.NextAfter(_schedule.Now), e);
        }
    }

    private sealed record Reminder(string ReminderName, string? ETag) : IGrainReminder;
}
