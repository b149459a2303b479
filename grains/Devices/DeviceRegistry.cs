using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>Who may register a device, and as what.</summary>
internal static class DeviceRegistry
{
    private const int MaxAttributes = 50;
    private const int MaxNameCharacters = 64;
    private const int MaxValueCharacters = 256;

    public static DeviceDecision<RegisterDeviceResult> Register(
        DeviceState state, ThingName thing, DeviceRegistration registration, DateTimeOffset now)
    {
        if (Refuse(state, registration) is { } refusal) return DeviceDecision.Of(refusal);

        var known = state.Attributes ?? ImmutableSortedDictionary<string, string>.Empty;
        var attributes = known.SetItems(registration.Attributes);
        if (attributes.Count > MaxAttributes)
            return DeviceDecision.Of<RegisterDeviceResult>(
                new RegisterDeviceResult.Invalid("attributes", $"A device has at most {MaxAttributes}."));

        var by = state.IsRegistered && registration.RegisteredBy == DeviceRegistration.ByOperator
            ? state.RegisteredBy! : registration.RegisteredBy;
        var answer = new RegisterDeviceResult.Registered(Created: !state.IsRegistered);
        return state.IsRegistered && by == state.RegisteredBy && attributes.SequenceEqual(known)
            ? DeviceDecision.Of<RegisterDeviceResult>(answer)
            : DeviceDecision.Of<RegisterDeviceResult>(state, answer, new DeviceRegistered(thing, registration.Model, attributes, by, now));
    }

    private static RegisterDeviceResult? Refuse(DeviceState state, DeviceRegistration registration)
    {
        foreach (var (name, value) in registration.Attributes)
        {
            if (!IsName(name))
                return new RegisterDeviceResult.Invalid("attributes", $"'{name}' is not a name: 1 to {MaxNameCharacters} of a-z 0-9 _ . -");
            if (value.Length is 0 or > MaxValueCharacters)
                return new RegisterDeviceResult.Invalid($"attributes.{name}", $"A value has 1 to {MaxValueCharacters} characters.");
        }
        if (!state.IsRegistered) return null;
        if (state.Model != registration.Model)
            return new RegisterDeviceResult.Conflict("model", $"The device is a '{state.Model}'; a model cannot change.");
        // A stolen claim must not take over a device that another one, or an operator, let in.
        return registration.RegisteredBy != state.RegisteredBy && registration.RegisteredBy != DeviceRegistration.ByOperator
            && !registration.Bound
            ? new RegisterDeviceResult.Conflict(
                "thing", "Somebody else registered it: only a claim that is bound to this thing may let it in again.")
            : null;
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameCharacters &&
        name.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '.' or '-');
}
