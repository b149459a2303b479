using System.Diagnostics;

namespace Fleet.IntegrationTests.Support;

/// <summary>Waits for a condition of the world outside this process, which cannot be awaited.</summary>
public static class Eventually
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Asks again and again until <paramref name="condition"/> is true; fails with <paramref name="describe"/>'s last word.</summary>
    public static async Task True(Func<Task<bool>> condition, Func<string> describe, TimeSpan? patience = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > (patience ?? Patience)) Assert.Fail($"Waited {clock.Elapsed.TotalSeconds:0} s in vain: {describe()}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
