using System.Buffers;
using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;

namespace Fleet.Gateway.Reactor;

internal enum SendStep
{
    /// <summary>There is nothing to send.</summary>
    Nothing,

    /// <summary>A buffer is out; there may be more by now.</summary>
    Sent,

    /// <summary>The socket takes no more for now.</summary>
    Blocked,
    Lost,
}

/// <summary>What a connection has to send, and how much of it its wire has taken.</summary>
internal sealed class WireOutbound(int maxBytes, LoopPool pool, GatewayMetrics metrics) : Outbound(maxBytes, pool)
{
    /// <summary>Then it is the others' turn.</summary>
    public const int MaxBytesPerRound = 1024 * 1024;

    private ReadOnlyMemory<byte> _leaving;

    /// <summary>Sends what was written so far.</summary>
    /// <param name="budget">Less what was sent.</param>
    public SendStep Send(Wire wire, ref int budget)
    {
        if (_leaving.Length == 0 && !TryBeginSend(out _leaving)) return SendStep.Nothing;
        while (_leaving.Length > 0)
        {
            int written = wire.Write(_leaving.Span);
            if (written == WireResult.Lost) return SendStep.Lost;
            if (written == WireResult.WouldBlock) return SendStep.Blocked;
            metrics.BytesSent(written);
            budget -= written;
            _leaving = _leaving[written..];
        }
        Sent();
        return SendStep.Sent;
    }

    public void Drop()
    {
        _leaving = default;
        Clear();
    }
}

/// <summary>Whoever answers a request waits here until the client takes what it has. Any thread may wait.</summary>
internal struct AnswerRoom
{
    private TaskCompletionSource? _waiting;

    public readonly bool IsAwaited => _waiting is not null;

    public Task Wait()
    {
        var waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (Interlocked.CompareExchange(ref _waiting, waiting, null) ?? waiting).Task;
    }

    public void Signal() => Interlocked.Exchange(ref _waiting, null)?.SetResult();
}
