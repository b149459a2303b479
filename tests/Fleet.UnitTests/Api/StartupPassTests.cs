using System.Collections.Concurrent;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.UnitTests.Api;

public sealed class StartupPassTests
{
    [Fact]
    public async Task One_that_fails_is_tried_again_and_holds_up_nobody()
    {
        var clock = new WaitsForNobody();
        ConcurrentQueue<string> done = [];
        int listed = 0, failures = 0;
        int all = await StartupPass.Run(
            () => ++listed == 1 ? throw new IOException("a busy disk") : Task.FromResult<List<string>>(["a", "b", "c"]),
            key =>
            {
                if (key == "a" && ++failures < 3) throw new InvalidOperationException("a broken grain");
                done.Enqueue(key);
                return Task.CompletedTask;
            },
            concurrency: 1, clock, NullLogger.Instance, CancellationToken.None);
        Assert.Equal(3, all);
        Assert.Equal(["b", "c", "a"], done);
        Assert.Equal(3, clock.Waits);
    }

    /// <summary>Time in which every wait is over at once.</summary>
    private sealed class WaitsForNobody : TimeProvider
    {
        public int Waits { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waits++;
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
