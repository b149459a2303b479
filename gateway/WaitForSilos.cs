using Microsoft.Extensions.Logging;

namespace Fleet.Gateway;

/// <summary>
/// What a start needs to know from a grain. A silo that has just died takes its grains with it for some seconds, until the others have
/// noticed.
/// </summary>
internal static partial class WaitForSilos
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Asks until there is an answer. What is not for want of a silo is thrown.</summary>
    public static async Task UntilAnswered(Func<Task> ask, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await ask();
                return;
            }
            catch (Exception e) when (e is OrleansMessageRejectionException or TimeoutException)
            {
                SilosAway(log, e);
            }
            await Task.Delay(AskAgainAfter, time, cancellation);
        }
    }

    [LoggerMessage(3031, LogLevel.Warning, "The start waits for a silo that answers")]
    private static partial void SilosAway(ILogger log, Exception exception);
}
