using System.Net;

namespace Fleet.Gateway.Auth;

/// <summary>What admission knows.</summary>
/// <param name="MaxOpening">Connections between accept and CONNACK.</param>
internal sealed record AdmissionState(AdmissionRate Rate, int MaxOpening)
{
    /// <summary>Connections that were let in and are not answered yet.</summary>
    public AddressShares Opening { get; init; } = AddressShares.None;

    /// <summary>Those that were let in during <see cref="Second"/>.</summary>
    public AddressShares Recent { get; init; } = AddressShares.None;
    public long Second { get; init; } = long.MinValue;

    /// <summary>How long a decision on a CONNECT takes, and how long a handshake waits for its turn: moving averages over 16.</summary>
    public double DecidingMs { get; init; }
    public double QueuedMs { get; init; }
}

/// <summary>
/// Whether a connection may come in. Two things are limited, connections per second and half-open ones; of neither can one address use up
/// what others need.
/// </summary>
internal static class AdmissionCore
{
    /// <param name="now">Monotonic milliseconds.</param>
    public static (AdmissionState State, bool IsAdmitted) Accept(AdmissionState state, IPAddress address, long now)
    {
        var rate = state.Rate.At(now);
        var recent = now / 1000 == state.Second ? state.Recent : AddressShares.None;
        var next = state with { Rate = rate, Recent = recent, Second = now / 1000 };
        bool isAdmitted = rate.Tokens >= 1 && state.Opening.All < state.MaxOpening
            && recent.Allows(address, (rate.Tokens - 1) / rate.PerSecond)
            && state.Opening.Allows(address, 1 - ((state.Opening.All + 1.0) / state.MaxOpening));
        return isAdmitted ? (next with
        {
            Rate = rate with { Tokens = rate.Tokens - 1 }, Recent = recent.With(address), Opening = state.Opening.With(address),
        }, true) : (next, false);
    }

    /// <summary>A connection that was let in has been answered, or has ended.</summary>
    public static AdmissionState Released(AdmissionState state, IPAddress address) =>
        state with { Opening = state.Opening.Without(address) };

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
