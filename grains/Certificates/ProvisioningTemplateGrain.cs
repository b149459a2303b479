using Fleet.Grains.Firmware;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;

namespace Fleet.Grains.Certificates;

// Reentrant: it keeps nothing between calls, and a batch of devices must not queue behind each other's writes.
[Reentrant]
internal sealed class ProvisioningTemplateGrain(IFirmwareSigner firmwareSigner, TimeProvider clock) : Grain, IProvisioningTemplateGrain
{
    private const string UnusableToken = "Certificate ownership token is unknown, expired or used";

    public async Task<ProvisionResult> Provision(ProvisionRequest request)
    {
        var claim = await GrainFactory.GetGrain<ICertificateGrain>(request.Claim.Value).Get();
        var (order, rejection) = ProvisioningCore.Read(this.GetPrimaryKeyString(), request, claim, clock.GetUtcNow());
        if (order is null) return rejection!;
        if (!OwnershipToken.TryReadCertificate(request.OwnershipToken, out var id)) return ProvisioningCore.InvalidToken(UnusableToken);
        var certificate = GrainFactory.GetGrain<ICertificateGrain>(id.Value);

        // The token is looked at before the device is touched, and spent after: a bad token changes nothing, and a thing that is refused to
        // this claim never gets an active certificate.
        if (!await certificate.MayActivate(request.OwnershipToken, order.Thing)) return ProvisioningCore.InvalidToken(UnusableToken);
        var registered = await GrainFactory.GetGrain<IDeviceGrain>(order.Thing.Value).Register(order.Registration);
        if (ProvisioningCore.Judge(registered) is { } refused) return refused;
        if (!await certificate.Activate(request.OwnershipToken, order.Thing)) return ProvisioningCore.InvalidToken(UnusableToken);
        // Nobody waits for it: what is not heard is found out when the certificate's time would be up.
        GrainFactory.GetGrain<IClaimGrain>(request.Claim.Value).Registered(id).Ignore();

        return new ProvisionResult.Provisioned(
            order.Thing, ImmutableSortedDictionary<string, string>.Empty.Add("firmwareSigner", firmwareSigner.CertificatePem));
    }
}
