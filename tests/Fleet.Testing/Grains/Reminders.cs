using Orleans;
using Orleans.Runtime;
using Orleans.Timers;

namespace Fleet.Testing.Grains;

/// <summary>Keeps reminders in the table and calls their grains when they are due.</summary>
internal sealed class Reminders(IReminderTable table, HostRuntime runtime) : IReminderRegistry, IDisposable
{
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(GrainId, string), Beat> _beats = [];

    private HostRuntime Runtime => runtime;

    private DateTime Now => runtime.Settings.Time.GetUtcNow().UtcDateTime;

    /// <summary>Reads the table. A tick that fell while the host was down is past; the next one is on the reminder's own beat.</summary>
    public async Task Start()
    {
        await table.StartAsync();
        // The whole ring.
        var rows = await table.ReadRows(0, 0);
        foreach (var row in rows.Reminders) Set(row, Now);
    }

    public async Task<IGrainReminder> RegisterOrUpdateReminder(
        GrainId callingGrainId, string reminderName, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dueTime, TimeSpan.Zero);
        if (period < ShortestPeriod)
            throw new ArgumentException($"{reminderName} ticks each {period}; the shortest period is {ShortestPeriod}.", nameof(period));
        var now = Now;
        var entry = new ReminderEntry { GrainId = callingGrainId, ReminderName = reminderName, StartAt = now + dueTime, Period = period };
        entry.ETag = await table.UpsertRow(entry);
        // A moment before now, so that a reminder without a due time ticks at once.
        Set(entry, now - TimeSpan.FromTicks(1));
        return new Reminder(reminderName, entry.ETag!);
    }

    public async Task UnregisterReminder(GrainId callingGrainId, IGrainReminder reminder)
    {
        var (name, etag) = (Reminder)reminder;
        // One that is gone already is as it should be.
        if (!await table.RemoveRow(callingGrainId, name, etag) && await table.ReadRow(callingGrainId, name) is not null)
            throw new ReminderException($"Reminder {name} of {callingGrainId} was updated since it was read.");
        lock (_beats)
        {
            if (_beats.Remove((callingGrainId, name), out var beat)) beat.Dispose();
        }
    }

    public async Task<IGrainReminder?> GetReminder(GrainId callingGrainId, string reminderName) =>
        await table.ReadRow(callingGrainId, reminderName) is { } row ? new Reminder(row.ReminderName, row.ETag!) : null;

    public async Task<List<IGrainReminder>> GetReminders(GrainId callingGrainId) =>
        [.. (await table.ReadRows(callingGrainId)).Reminders.Select(row => new Reminder(row.ReminderName, row.ETag!))];

    public void Dispose()
    {
        lock (_beats)
        {
            foreach (var beat in _beats.Values) beat.Dispose();
            _beats.Clear();
        }
    }

    /// <param name="registeredAt">Ticks up to this instant are past.</param>
    private void Set(ReminderEntry entry, DateTime registeredAt)
    {
        var beat = new Beat(this, entry);
        lock (_beats)
        {
            if (_beats.Remove((entry.GrainId, entry.ReminderName), out var former)) former.Dispose();
            _beats.Add((entry.GrainId, entry.ReminderName), beat);
        }
        beat.Wait(beat.NextAfter(registeredAt));
    }

    private sealed record Reminder(string ReminderName, string ETag) : IGrainReminder;

    /// <summary>
    /// One reminder as it is registered now. Its ticks are a whole number of periods after the first, so it never drifts.
    /// </summary>
    private sealed class Beat : IDisposable
    {
        /// <summary>The timer looks again at least this often; system timers take at most 49 days.</summary>
        private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

        private readonly Reminders _owner;
        private readonly ReminderEntry _entry;
        private readonly ITimer _timer;
        private DateTime _dueAt;

        public Beat(Reminders owner, ReminderEntry entry)
        {
            (_owner, _entry) = (owner, entry);
            _timer = owner.Runtime.Settings.Time.CreateIdleTimer(static self => _ = ((Beat)self!).Look(), this);
        }

        public DateTime NextAfter(DateTime now) => now < _entry.StartAt
            ? _entry.StartAt
            : _entry.StartAt + ((((now - _entry.StartAt).Ticks / _entry.Period.Ticks) + 1) * _entry.Period);

        public void Wait(DateTime dueAt)
        {
            _dueAt = dueAt;
            var wait = dueAt - _owner.Now;
            // System timers count whole milliseconds: one that fires a moment early would only have to be set again.
            var whole = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(0, wait.TotalMilliseconds)));
            _timer.Change(whole < LongestWait ? whole : LongestWait, Timeout.InfiniteTimeSpan);
        }

        public void Dispose() => _timer.Dispose();

        private async Task Look()
        {
            if (_owner.Now >= _dueAt) await Tick();
            // Only now, so that ticks of one reminder never overlap. A timer that was disposed of meanwhile is not set again.
            Wait(NextAfter(_owner.Now));
        }

        private async Task Tick()
        {
            var runtime = _owner.Runtime;
            try
            {
                await runtime.Grains.GetGrain<IRemindable>(_entry.GrainId)
                    .ReceiveReminder(_entry.ReminderName, new(_entry.StartAt, _entry.Period, _owner.Now));
            }
            catch (Exception e)
            {
                runtime.Log.ReminderFailed(_entry.ReminderName, _entry.GrainId.ToString(), NextAfter(_owner.Now), e);
            }
        }
    }
}
