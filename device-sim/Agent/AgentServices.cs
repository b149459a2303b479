using Fleet.DeviceSim.Agent.Identity;
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
