namespace Fleet.Grains.Records;

/// <summary>How every grain writes its one record.</summary>
internal static class GrainRecords
{
    /// <summary>Not at once: of many calls that meet one deactivation after the other, Orleans gives up.</summary>
    private static readonly TimeSpan UnknownLeavesAfter = TimeSpan.FromSeconds(1);

    /// <summary>
    /// To be called on activation. Names in requests may be made up: an activation whose name still has no record in a moment leaves, so
    /// that what is asked for in vain costs memory for a second and not for Orleans' quarter of an hour.
    /// </summary>
    public static void LeaveIfUnknown<TState>(this IGrainBase grain, IPersistentState<TState> record)
    {
        if (record.RecordExists) return;
        grain.RegisterGrainTimer(
            () =>
            {
                if (!record.RecordExists) grain.DeactivateOnIdle();
                return Task.CompletedTask;
            },
            UnknownLeavesAfter, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// Makes <paramref name="next"/> the grain's state and writes it. If the write fails it may have landed or not: only a fresh read can
    /// tell, so the activation stops answering, and the caller hears of it.
    /// </summary>
    public static async Task Save<TState>(this IGrainBase grain, IPersistentState<TState> record, TState next)
    {
        record.State = next;
        try { await record.WriteStateAsync(); }
        catch { grain.DeactivateOnIdle(); throw; }
    }

    /// <summary>Deletes the record, as <see cref="Save"/> writes it.</summary>
    public static async Task Clear<TState>(this IGrainBase grain, IPersistentState<TState> record)
    {
        try { await record.ClearStateAsync(); }
        catch { grain.DeactivateOnIdle(); throw; }
    }
}
