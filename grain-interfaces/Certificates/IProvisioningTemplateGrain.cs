using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Certificates;

/// <summary>Who may provision what. The key is the template's name; <see cref="DefaultName"/> is there from the first start.</summary>
[Alias("fleet.provisioning-template-grain")]
public interface IProvisioningTemplateGrain : IGrainWithStringKey
{
    /// <summary>Parameters: ThingName (required), Model (required); any other becomes a device attribute, its name in lower case.</summary>
    const string DefaultName = "fleet";

    /// <summary>RegisterThing (spec, section 4): registers the device and activates its certificate.</summary>
    Task<ProvisionResult> Provision(ProvisionRequest request);
}

[GenerateSerializer, Immutable, Alias("fleet.provision-request")]
public sealed record ProvisionRequest(
    [property: Id(0)] string OwnershipToken,
    [property: Id(1)] ImmutableSortedDictionary<string, string> Parameters,
    [property: Id(2)] CertificateId Claim);

[GenerateSerializer, Immutable, Alias("fleet.provision-result")]
public abstract record ProvisionResult
{
    private ProvisionResult() { }

    /// <param name="DeviceConfiguration">Flat; carries firmwareSigner: PEM of the certificate that signs firmware.</param>
    [GenerateSerializer, Immutable, Alias("fleet.provision-result.provisioned")]
    public sealed record Provisioned(
        [property: Id(0)] ThingName Thing,
        [property: Id(1)] ImmutableSortedDictionary<string, string> DeviceConfiguration) : ProvisionResult;

    /// <param name="StatusCode">As in HTTP.</param>
    /// <param name="ErrorCode">
    /// InvalidCertificateOwnershipToken, InvalidParameters, AccessDenied, ResourceNotFound, ResourceConflict.
    /// </param>
    [GenerateSerializer, Immutable, Alias("fleet.provision-result.rejected")]
    public sealed record Rejected(
        [property: Id(0)] int StatusCode,
        [property: Id(1)] string ErrorCode,
        [property: Id(2)] string Message) : ProvisionResult;
}
