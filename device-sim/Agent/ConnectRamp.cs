namespace Fleet.DeviceSim.Agent;

/// <summary>Spaces out the connection attempts of all agents in a process.</summary>
/// <param name="perSecond">Above 0.</param>
internal sealed class ConnectRamp(double perSecond, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly long _interval = (long)Math.Max(1, time.TimestampFrequency / perSecond);
    private long _next = time.GetTimestamp();

    public Task WaitAsync(CancellationToken cancellation)
    {
        long wait;
        lock (_gate)
        {
            long now = time.GetTimestamp();
            long turn = Math.Max(_next, now);
            (_next, wait) = (turn + _interval, turn - now);
        }
        return wait == 0
            ? Task.CompletedTask : Task.Delay(TimeSpan.FromSeconds((double)wait / time.TimestampFrequency), time, cancellation);
    }
}
