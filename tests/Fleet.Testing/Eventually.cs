using System.Diagnostics;
using System.Runtime.CompilerServices;
using Xunit;

namespace Fleet.Testing;

/// <summary>Waits for what cannot be awaited: a condition of another process, or of work that runs beside the test.</summary>
public static class Eventually
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Looks again and again until <paramref name="condition"/> is true.</summary>
    public static Task True(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        True(() => Task.FromResult(condition()), () => what, every: TimeSpan.FromMilliseconds(2));

    /// <summary>Asks again and again until <paramref name="condition"/> is true; fails with <paramref name="describe"/>'s last word.</summary>
    public static async Task True(Func<Task<bool>> condition, Func<string> describe, TimeSpan? patience = null, TimeSpan? every = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > (patience ?? Patience)) Assert.Fail($"Waited {clock.Elapsed.TotalSeconds:0} s in vain: {describe()}");
            await Task.Delay(every ?? TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
