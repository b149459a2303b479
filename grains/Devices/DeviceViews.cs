using Fleet.Interfaces.Devices;

namespace Fleet.Grains.Devices;

internal static class DeviceViews
{
    /// <summary>Null if nobody registered it.</summary>
    public static DeviceView? Of(DeviceState state) => state is { Thing: { } thing, Model: { } model }
        ? new DeviceView
        {
            Thing = thing,
            Model = model,
            Attributes = state.Attributes ?? ImmutableSortedDictionary<string, string>.Empty,
            Firmware = state.Firmware,
            Healthy = state.Healthy,
            Connectivity = state.Connectivity,
            ConnectivityChangedAt = state.ConnectivityChangedAt,
            DisconnectReason = state.DisconnectReason,
            LastSeenAt = state.LastSeenAt,
            RegisteredAt = state.RegisteredAt,
            Jobs = [.. state.Open.Concat(state.Ended.Reverse()).Where(e => !e.NeverCame).Select(e => e.ToWire(thing))],
        }
        : null;
}
