using Fleet.Gateway.Links;
using Fleet.Gateway.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Retained;

/// <summary>
/// Retained messages are read while the gateway serves already, and again in rounds while there are other gateways, whose word of a change
/// may be lost.
/// </summary>
internal sealed class RetainedCatchUp(RetainedMessages messages, Peers peers, ILogger<RetainedCatchUp> log) : IGatewayStep, IDisposable
{
    /// <summary>Two of these rounds is how long a change of a retained message may take from its version to its commit.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private bool _wasAlone = true;
    private int _catchingUp;

    public Task Start(CancellationToken cancellation)
    {
        _ = Background.Run(Round);
        return Task.CompletedTask;
    }

    public async Task Stop(CancellationToken cancellation)
    {
        await _stopping.CancelAsync();
        await messages.Flushed();
    }

    public void Dispose() => _stopping.Dispose();

    /// <summary>Alone, a gateway has made every change itself; one more round after it has become so again.</summary>
    public async Task Round()
    {
        bool alone = !peers.Any;
        if ((alone && _wasAlone && messages.IsRead) || Interlocked.Exchange(ref _catchingUp, 1) == 1) return;
        try
        {
            await messages.CatchUp(_stopping.Token);
            _wasAlone = alone;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // What is not read yet is read after the next start.
        }
        catch (Exception e)
        {
            log.CatchUpFailed(e);
        }
        finally
        {
            Volatile.Write(ref _catchingUp, 0);
        }
    }
}
