namespace Fleet.Grains.Records;

/// <summary>How every grain writes its one record.</summary>
internal static class GrainRecords
{
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
