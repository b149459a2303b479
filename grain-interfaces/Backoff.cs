namespace Fleet.Interfaces;

/// <summary>How long to wait before something that failed is tried again: doubled with each failure, within bounds.</summary>
public readonly record struct Backoff(TimeSpan First, TimeSpan Longest)
{
    /// <param name="failures">In a row; from 1.</param>
    public TimeSpan After(int failures) => TimeSpan.FromTicks(Math.Min(Longest.Ticks, First.Ticks << Math.Min(failures - 1, 20)));
}
