using Fleet.Grains.Jobs;

namespace Fleet.Grains.Devices;

/// <summary>What a command leads to: events, effects, and the answer to whoever asked.</summary>
internal sealed record DeviceDecision<TAnswer>(TAnswer Answer, ImmutableArray<DeviceEvent> Events, ImmutableArray<DeviceEffect> Effects);

/// <summary>Makes decisions. Reports and notifications follow from what the events change, so that no rule can forget one.</summary>
internal static class DeviceDecision
{
    public static DeviceDecision<TAnswer> Of<TAnswer>(TAnswer answer) => new(answer, [], []);

    public static DeviceDecision<TAnswer> Of<TAnswer>(DeviceState state, TAnswer answer, params ReadOnlySpan<DeviceEvent> events) =>
        Of(state, _ => answer, events);

    /// <param name="answer">Made from the state after the events.</param>
    public static DeviceDecision<TAnswer> Of<TAnswer>(
        DeviceState state, Func<DeviceState, TAnswer> answer, params ReadOnlySpan<DeviceEvent> events)
    {
        var after = state;
        foreach (var e in events) after = DeviceCore.Apply(after, e);
        return new(answer(after), [.. events], [.. Reports(state, after), .. Notifications(state, after, events)]);
    }

    private static IEnumerable<DeviceEffect> Reports(DeviceState before, DeviceState after)
    {
        foreach (var execution in after.Open.Concat(after.Ended))
        {
            // Revision 1 is the offer itself, which the shard knows from the answer.
            if (execution.ReportTo is null || execution.Revision <= 1) continue;
            if (before.Find(execution.JobId, execution.Number)?.Revision != execution.Revision)
                yield return new SendReport(execution.JobId, execution.Number, execution.Revision);
        }
    }

    private static ImmutableArray<DeviceEffect> Notifications(DeviceState before, DeviceState after, ReadOnlySpan<DeviceEvent> events)
    {
        if (after.Session is not { SessionId: var session }) return [];
        var (notify, notifyNext) = JobQueue.Changes(before.Open, after.Open);
        foreach (var e in events)
        {
            if (e is ExecutionEnded { ByDevice: false } ended && after.Find(ended.JobId, ended.Number) is { AwaitsLastWord: true } &&
                JobQueue.Head(after.Open) is null)
            {
                // The device is about to say so itself, and agents take a notify-next that they did not cause for a cancellation
                // (spec 2.8, 6): it comes with the last word.
                return [];
            }
            if (e is LastWordSaid) (notify, notifyNext) = (true, JobQueue.Head(after.Open) is null);
        }
        return notify || notifyNext ? [new SendNotification(session, notify, notifyNext)] : [];
    }
}
