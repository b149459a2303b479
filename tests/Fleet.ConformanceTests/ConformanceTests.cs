namespace Fleet.ConformanceTests;

/// <summary>
/// Tests of what Orleans promises and the fleet relies on. Each runs on the deterministic host and on a silo, and keeps the two alike.
/// </summary>
public abstract class ConformanceTests<THost> where THost : TestHost, new()
{
    protected static async Task<THost> Start(HostSettings? settings = null)
    {
        var host = new THost();
        await host.Start(settings ?? new());
        return host;
    }
}
