namespace Fleet.DeviceSim.Agent.Wire;

/// <summary>
/// Exponential back-off with full jitter: a wait between nothing and a bound that doubles, so that a fleet does not come back as one.
/// </summary>
/// <param name="first">The first bound.</param>
/// <param name="cap">The highest bound.</param>
internal sealed class Backoff(TimeSpan first, TimeSpan cap, Random random)
{
    private int _attempts;

    public TimeSpan Next()
    {
        double bound = Math.Min(cap.TotalSeconds, first.TotalSeconds * Math.Pow(2, Math.Min(_attempts++, 30)));
        lock (random) return TimeSpan.FromSeconds(random.NextDouble() * bound);    // a device draws from one generator, from several tasks
    }

    public void Reset() => _attempts = 0;
}
