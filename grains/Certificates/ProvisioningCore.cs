using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Certificates;

/// <summary>What a RegisterThing request asks for, once its parameters are read.</summary>
internal sealed record ProvisioningOrder(ThingName Thing, DeviceRegistration Registration);

/// <summary>
/// The rules of the built-in provisioning template, and the words in which it refuses (spec/aws-iot-topics.md, section 4).
/// </summary>
internal static class ProvisioningCore
{
    private const int MaxAttributes = 50;
    private const int MaxAttributeNameCharacters = 64;
    private const int MaxAttributeValueCharacters = 256;

    /// <summary>The order, or why there is none.</summary>
    public static (ProvisioningOrder? Order, ProvisionResult.Rejected? Rejection) Read(
        string template, ProvisionRequest request, CertificateView? claim, DateTimeOffset now)
    {
        if (template != IProvisioningTemplateGrain.DefaultName)
            return (null, new(404, "ResourceNotFound", $"There is no provisioning template '{template}'."));
        if (ClaimRules.WhyNot(claim, now) is { } denial) return (null, Denied(denial));
        if (claim!.Template != template) return (null, Denied($"The claim certificate may not use the template '{template}'."));
        if (request.OwnershipToken.Length == 0) return (null, InvalidToken("Certificate ownership token cannot be empty"));

        if (!request.Parameters.TryGetValue("ThingName", out var thingText)) return (null, Missing("ThingName"));
        if (!ThingName.TryParse(thingText, out var thing)) return (null, Invalid("ThingName", ThingName.Grammar));
        if (!request.Parameters.TryGetValue("Model", out var modelText)) return (null, Missing("Model"));
        if (!ModelName.TryParse(modelText, out var model)) return (null, Invalid("Model", ModelName.Grammar));

        var attributes = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in request.Parameters)
        {
            if (name is "ThingName" or "Model") continue;
            var attribute = name.ToLowerInvariant();
            if (!IsAttributeName(attribute))
                return (null, InvalidParameters(
                    $"Parameter names become attribute names: 1 to {MaxAttributeNameCharacters} of a-z A-Z 0-9 _ . -"));
            if (value.Length is 0 or > MaxAttributeValueCharacters)
                return (null, Invalid(name, $"1 to {MaxAttributeValueCharacters} characters"));
            if (!attributes.TryAdd(attribute, value))
                return (null, InvalidParameters($"Two parameters are called '{attribute}' in lower case."));
        }
        if (attributes.Count > MaxAttributes) return (null, InvalidParameters($"There are more than {MaxAttributes} attributes."));
        if (claim.Thing is { } only && only != thing) return (null, Denied("The claim certificate may not provision this thing."));
        return (new ProvisioningOrder(
            thing, new DeviceRegistration(model, attributes.ToImmutable(), claim.Id.Value, Bound: claim.Thing == thing)), null);
    }

    /// <summary>Null if the device is registered.</summary>
    public static ProvisionResult.Rejected? Judge(RegisterDeviceResult result) => result switch
    {
        RegisterDeviceResult.Registered => null,
        // The thing itself is the conflict: it is somebody else's.
        RegisterDeviceResult.Conflict { Field: "thing" } conflict => Denied(conflict.Detail),
        RegisterDeviceResult.Conflict conflict => new(409, "ResourceConflict", $"{conflict.Field}: {conflict.Detail}"),
        RegisterDeviceResult.Invalid invalid => InvalidParameters($"{invalid.Field}: {invalid.Detail}"),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    public static ProvisionResult.Rejected InvalidToken(string message) => new(400, "InvalidCertificateOwnershipToken", message);

    private static ProvisionResult.Rejected Denied(string message) => new(403, "AccessDenied", message);

    private static ProvisionResult.Rejected Missing(string parameter) => InvalidParameters($"Parameter {parameter} is required.");

    private static ProvisionResult.Rejected Invalid(string parameter, string grammar) =>
        InvalidParameters($"Parameter {parameter} must be {grammar}.");

    private static ProvisionResult.Rejected InvalidParameters(string message) => new(400, "InvalidParameters", message);

    private static bool IsAttributeName(string name) =>
        name.Length is > 0 and <= MaxAttributeNameCharacters
            && name.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '.' or '-');
}
