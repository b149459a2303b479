using System.Net;

namespace Fleet.Gateway.Auth;

/// <summary>What admission knows of the rate.</summary>
internal sealed record AdmissionState(AdmissionRate Rate)
{
    /// <summary>Connections that were let in during <see cref="Second"/>.</summary>
    public AddressShares Recent { get; init; } = AddressShares.None;
    public long Second { get; init; } = long.MinValue;

    /// <summary>How long a decision on a CONNECT takes, and how long a handshake waits for its turn: moving averages over 16.</summary>
    public double DecidingMs { get; init; }
    public double QueuedMs { get; init; }
}

/// <summary>Whether the rate lets a connection in; one address cannot use up what others need of it.</summary>
internal static class AdmissionCore
{
    /// <param name="network">Of <see cref="ClientNetwork"/>.</param>
    /// <param name="now">Monotonic milliseconds.</param>
    public static (AdmissionState State, bool IsAdmitted) Accept(AdmissionState state, IPAddress network, long now)
    {
        var rate = state.Rate.At(now);
        var recent = now / 1000 == state.Second ? state.Recent : AddressShares.None;
        var next = state with { Rate = rate, Recent = recent, Second = now / 1000 };
        return rate.Tokens >= 1 && recent.Allows(network, (rate.Tokens - 1) / rate.PerSecond)
            ? (next with { Rate = rate with { Tokens = rate.Tokens - 1 }, Recent = recent.With(network) }, true) : (next, false);
    }

    public static AdmissionState Decided(AdmissionState state, TimeSpan duration) =>
        state with { DecidingMs = state.DecidingMs + ((duration.TotalMilliseconds - state.DecidingMs) / 16) };

    public static AdmissionState Queued(AdmissionState state, long milliseconds) =>
        state with { QueuedMs = state.QueuedMs + ((milliseconds - state.QueuedMs) / 16) };

    /// <summary>Once a second.</summary>
    /// <param name="lag">By how much this very call is late.</param>
    public static AdmissionState Adapt(AdmissionState state, TimeSpan lag) => state with
    {
        Rate = state.Rate.Adapted(Math.Max(state.DecidingMs + state.QueuedMs, lag.TotalMilliseconds)),
        // Without connections nobody would say that it has become better.
        DecidingMs = state.DecidingMs / 2,
        QueuedMs = state.QueuedMs / 2,
    };
}
