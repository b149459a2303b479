using Fleet.Engine.Reminders;
using Microsoft.Extensions.Time.Testing;
using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Engine;

/// <summary>Ticks that end at once, so that the schedule can be followed step by step.</summary>
public sealed class ReminderScheduleTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly List<TimeSpan> _ticks = [];
    private readonly ReminderSchedule _schedule;

    public ReminderScheduleTests() => _schedule = new(
        _time,
        (callback, state) => _time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan),
        (_, at) =>
        {
            _ticks.Add(at.TimeOfDay);
            return Task.CompletedTask;
        });

    public void Dispose() => _schedule.Dispose();

    [Fact]
    public void Ticks_keep_the_beat_of_the_first()
    {
        Set(dueInMinutes: 7, periodInMinutes: 10);
        for (int minute = 0; minute < 40; minute++) _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([At(12, 7), At(12, 17), At(12, 27), At(12, 37)], _ticks);
    }

    [Fact]
    public void A_reminder_due_now_ticks_now()
    {
        Set(dueInMinutes: 0, periodInMinutes: 10);
        _time.Advance(TimeSpan.Zero);
        Assert.Equal([At(12, 0)], _ticks);
    }

    [Fact]
    public void The_next_tick_is_a_whole_number_of_periods_after_the_first()
    {
        var reminder = new ReminderSchedule.Scheduled(Entry(dueInMinutes: 0, periodInMinutes: 10));
        Assert.Equal(At(12, 10), reminder.NextAfter(_schedule.Now).TimeOfDay);
        Assert.Equal(At(12, 30), reminder.NextAfter(_schedule.Now.AddMinutes(29.9)).TimeOfDay);
        Assert.Equal(At(12, 40), reminder.NextAfter(_schedule.Now.AddMinutes(30)).TimeOfDay);
    }

    [Fact]
    public void A_year_ahead_is_not_too_far_for_the_timer()
    {
        Set(dueInMinutes: 365 * 24 * 60, periodInMinutes: 365 * 24 * 60);
        _time.Advance(TimeSpan.FromDays(364));
        Assert.Empty(_ticks);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Single(_ticks);
    }

    private void Set(int dueInMinutes, int periodInMinutes) =>
        _schedule.Set(Entry(dueInMinutes, periodInMinutes), _schedule.Now.AddTicks(-1));

    private ReminderEntry Entry(int dueInMinutes, int periodInMinutes) => new()
    {
        GrainId = GrainId.Create("alarm", "one"),
        ReminderName = "r",
        StartAt = _schedule.Now.AddMinutes(dueInMinutes),
        Period = TimeSpan.FromMinutes(periodInMinutes),
    };

    private static TimeSpan At(int hour, int minute) => new(hour, minute, 0);
}
