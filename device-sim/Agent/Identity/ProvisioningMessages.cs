using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent.Identity;

/// <summary>
/// Bodies of fleet provisioning (spec/aws-iot-topics.md, section 4). There is no client token: one request at a time per connection.
/// </summary>
internal sealed record CsrRequest(string CertificateSigningRequest);

/// <param name="PrivateKey">PEM, if the service made the key.</param>
internal sealed record CreateAccepted(string CertificateId, string CertificatePem, string CertificateOwnershipToken, string? PrivateKey);

internal sealed record RegisterRequest(string CertificateOwnershipToken, ImmutableSortedDictionary<string, string> Parameters);

internal sealed record RegisterAccepted(string? ThingName, IReadOnlyDictionary<string, string>? DeviceConfiguration);

internal sealed record ProvisioningRejection(int StatusCode, string? ErrorCode, string? ErrorMessage);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CsrRequest))]
[JsonSerializable(typeof(CreateAccepted))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RegisterAccepted))]
[JsonSerializable(typeof(ProvisioningRejection))]
internal sealed partial class ProvisioningJson : JsonSerializerContext;
