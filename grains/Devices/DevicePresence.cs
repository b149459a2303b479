using Fleet.Interfaces.Devices;

namespace Fleet.Grains.Devices;

/// <summary>Is the device there, and what does it say of itself: sessions and reports, late and repeated ones included.</summary>
internal static class DevicePresence
{
    public static DeviceDecision<bool> Connected(DeviceState state, DeviceSession session, DateTimeOffset now)
    {
        if (!state.IsRegistered || state.Session?.SessionId == session.SessionId) return DeviceDecision.Of(false);
        if (session.Epoch <= state.SessionEpoch) return DeviceDecision.Of(false);
        // Proofs are timed by one clock, this one.
        return DeviceProofs.Follow(state, now, new SessionOpened(session with { ConnectedAt = now }));
    }

    public static DeviceDecision<bool> Disconnected(
        DeviceState state, string sessionId, DisconnectReason reason, DateTimeOffset at, DateTimeOffset now) =>
        state.Session?.SessionId == sessionId ? DeviceProofs.Follow(state, now, new SessionClosed(reason, at)) : DeviceDecision.Of(false);

    public static DeviceDecision<DeviceSession?> GatewayLost(DeviceState state, string gatewayId, DateTimeOffset at, DateTimeOffset now)
    {
        if (state.Session is not { } session || session.GatewayId != gatewayId) return DeviceDecision.Of<DeviceSession?>(null);
        var decision = DeviceProofs.Follow(state, now, new SessionClosed(DisconnectReason.GatewayLost, at));
        return new DeviceDecision<DeviceSession?>(session, decision.Events, decision.Effects);
    }

    public static DeviceDecision<bool> Stale(DeviceState state, string sessionId, DateTimeOffset lastSeenAt, DateTimeOffset now) =>
        state.Session?.SessionId == sessionId && state.Connectivity is Connectivity.Connected
            ? DeviceProofs.Follow(state, now, new SessionWentStale(lastSeenAt, now))
            : DeviceDecision.Of(false);

    public static DeviceDecision<bool> Seen(DeviceState state, string sessionId, DateTimeOffset lastSeenAt, DateTimeOffset now)
    {
        if (state.Session?.SessionId != sessionId || lastSeenAt <= state.LastSeenAt) return DeviceDecision.Of(false);
        return state.Connectivity is Connectivity.Stale
            ? DeviceProofs.Follow(state, now, new SessionRecovered(lastSeenAt))
            : DeviceDecision.Of(state, true, new DeviceHeard(lastSeenAt));
    }

    public static DeviceDecision<bool> Report(DeviceState state, FirmwareReport report, DateTimeOffset now)
    {
        // A shadow that was deleted counts from 1 again, so a lower version alone does not make a report late.
        // One that was said in an older session says nothing of the device as it came back, however late the shadow took it.
        bool late = (report.ShadowVersion <= state.ShadowVersion && report.At <= state.ReportedAt)
            || report.SessionEpoch < state.SessionEpoch;
        if (!state.IsRegistered || late) return DeviceDecision.Of(false);
        bool news = (report.Version ?? state.Firmware) != state.Firmware || (report.Healthy ?? state.Healthy) != state.Healthy;
        return DeviceProofs.Follow(state, now, new FirmwareReported(
            report, Matters: news || DeviceProofs.AnyWaits(state), Proves: report.SessionEpoch is not null, now));
    }
}
