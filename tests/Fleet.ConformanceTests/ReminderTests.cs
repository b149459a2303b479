using Orleans;
using Orleans.Runtime;

namespace Fleet.ConformanceTests;

public sealed class RemindersOnGrainHost : ReminderTests<DeterministicHost>;

public sealed class RemindersOnSilo : ReminderTests<OrleansHost>;

public abstract class ReminderTests<THost> : ConformanceTests<THost> where THost : TestHost, new()
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task A_reminder_activates_its_grain_when_due()
    {
        await using var host = await Start();
        var alarm = host.Grains.GetGrain<IAlarmGrain>("one");
        await alarm.Set("wake", due: 2 * Hour, period: 24 * Hour);
        await host.PassUntilReminded(2 * Hour, "wake of one at 14:00, first 14:00, each 1.00:00:00");
    }

    [Fact]
    public async Task Reminders_survive_a_restart_and_keep_their_beat()
    {
        var settings = new HostSettings();
        await using (var before = await Start(settings))
        {
            await before.Grains.GetGrain<IAlarmGrain>("one").Set("wake", due: Hour, period: 4 * Hour);
            await before.Stop();
        }
        // Down from 12:00 to 13:30: the tick of 13:00 is past, and is not made up for.
        settings.Time.Advance(1.5 * Hour);
        await using var after = await Start(settings);
        await after.PassUntilReminded(3.5 * Hour, "wake of one at 17:00, first 13:00, each 04:00:00");
        Assert.Single(after.Journal.Lines);
    }

    [Fact]
    public async Task A_reminder_that_was_removed_does_not_tick()
    {
        await using var host = await Start();
        var alarm = host.Grains.GetGrain<IAlarmGrain>("one");
        await alarm.Set("removed", due: Hour, period: Hour);
        await alarm.Set("kept", due: 2 * Hour, period: Hour);
        Assert.Equal("kept, removed", await alarm.Names());
        await alarm.Remove("removed");
        Assert.Equal("kept", await alarm.Names());
        await host.PassUntilReminded(2 * Hour, "kept of one at 14:00, first 14:00, each 01:00:00");
        Assert.Single(host.Journal.Lines);
    }

    [Fact]
    public async Task Registering_again_replaces_the_schedule()
    {
        await using var host = await Start();
        var alarm = host.Grains.GetGrain<IAlarmGrain>("one");
        await alarm.Set("wake", due: Hour, period: Hour);
        await alarm.Set("wake", due: 3 * Hour, period: Hour);
        await host.PassUntilReminded(3 * Hour, "wake of one at 15:00, first 15:00, each 01:00:00");
        Assert.Single(host.Journal.Lines);
    }

    [Fact]
    public async Task A_failed_tick_does_not_stop_the_reminder()
    {
        await using var host = await Start();
        var alarm = host.Grains.GetGrain<IAlarmGrain>("one");
        await alarm.Set("fails", due: Hour, period: Hour);
        await host.PassUntilReminded(Hour, "fails of one at 13:00, first 13:00, each 01:00:00");
        Assert.Equal("fails", await alarm.Names());
    }

    [Fact]
    public async Task What_a_table_could_not_keep_is_refused()
    {
        await using var host = await Start();
        var alarm = host.Grains.GetGrain<IAlarmGrain>("one");
        var tooShort = await Assert.ThrowsAsync<ArgumentException>(() => alarm.Set("often", TimeSpan.Zero, TimeSpan.FromSeconds(59)));
        Assert.Contains("00:01:00", tooShort.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => alarm.Set("past", -Hour, Hour));
        await Assert.ThrowsAsync<ReminderException>(() => alarm.RemoveStale("stale"));
        Assert.Equal("stale", await alarm.Names());
    }
}

public interface IAlarmGrain : IGrainWithStringKey, IRemindable
{
    Task Set(string name, TimeSpan due, TimeSpan period);

    Task Remove(string name);

    Task RemoveStale(string name);

    Task<string> Names();
}

internal sealed class AlarmGrain(Journal journal) : Grain, IAlarmGrain
{
    public Task Set(string name, TimeSpan due, TimeSpan period) => this.RegisterOrUpdateReminder(name, due, period);

    public async Task Remove(string name) => await this.UnregisterReminder((await this.GetReminder(name))!);

    public async Task RemoveStale(string name)
    {
        var stale = await this.RegisterOrUpdateReminder(name, TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        await this.RegisterOrUpdateReminder(name, TimeSpan.FromHours(2), TimeSpan.FromHours(1));
        await this.UnregisterReminder(stale);
    }

    public async Task<string> Names() => string.Join(", ", (await this.GetReminders()).Select(reminder => reminder.ReminderName).Order());

    public Task ReceiveReminder(string reminderName, TickStatus status)
    {
        string times = $"at {status.CurrentTickTime:HH:mm}, first {status.FirstTickTime:HH:mm}, each {status.Period}";
        journal.Write($"{reminderName} of {this.GetPrimaryKeyString()} {times}");
        return reminderName == "fails" ? throw new InvalidDataException("tick") : Task.CompletedTask;
    }
}
