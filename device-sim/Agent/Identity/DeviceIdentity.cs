using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.DeviceSim.Agent.Identity;

/// <summary>What provisioning gives a device.</summary>
/// <param name="KeyPem">Private key; stays on the device.</param>
/// <param name="Configuration">deviceConfiguration as it came; carries firmwareSigner.</param>
internal sealed record DeviceIdentity(string CertificatePem, string KeyPem, DeviceConfiguration Configuration)
{
    public X509Certificate2 Certificate() => X509Certificate2.CreateFromPem(CertificatePem, KeyPem);
}

/// <param name="ThingName">The name the service registered.</param>
/// <param name="FirmwareSigner">PEM of the certificate that signs firmware.</param>
internal sealed record DeviceConfiguration(string ThingName, string FirmwareSigner);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(DeviceConfiguration))]
internal sealed partial class IdentityJson : JsonSerializerContext;
