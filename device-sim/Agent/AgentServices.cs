using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace Fleet.DeviceSim.Agent;

/// <summary>What the agents of one process share.</summary>
internal sealed record AgentServices
{
    public required TrustedCa Ca { get; init; }

    /// <summary>TLS with the claim certificate that a thing may use; asked only when it has no identity yet.</summary>
    public required Func<string, TlsOptions> ClaimTls { get; init; }
    public required HttpClient Http { get; init; }
    public required ILogger Log { get; init; }
    public required ConnectRamp Ramp { get; init; }
    public AgentCounters Counters { get; } = new();
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Replaces the socket and its TLS, for tests.</summary>
    public Func<CancellationToken, ValueTask<Stream>>? OpenStream { get; init; }
}

/// <summary>What all agents of a process did together.</summary>
internal sealed class AgentCounters
{
    private readonly long[] _outcomes = new long[Enum.GetValues<JobResult>().Length];
    private long _heartbeats, _connects;

    public FetchCounters Fetch { get; } = new();

    public long Heartbeats => Volatile.Read(ref _heartbeats);

    /// <summary>Connections that came about, those with a claim included.</summary>
    public long Connects => Volatile.Read(ref _connects);

    /// <summary>Outcomes that the service took.</summary>
    public long Outcomes(JobResult result) => Volatile.Read(ref _outcomes[(int)result]);

    public void Beat() => Interlocked.Increment(ref _heartbeats);

    public void Connected() => Interlocked.Increment(ref _connects);

    public void Ended(JobResult result) => Interlocked.Increment(ref _outcomes[(int)result]);
}

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
