using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.AwsTopics;

/// <summary><c>$aws/provisioning-templates/{template}/provision</c>: RegisterThing.</summary>
internal sealed class ProvisioningTopics(IGrainFactory grains) : ClaimTopics(TopicFamily.Templates)
{
    protected override async Task Handle(ReservedRequest request, Dictionary<string, object> body, CertificateId claim, Requester requester)
    {
        if (body.GetValueOrDefault("certificateOwnershipToken") is not string { Length: > 0 } token)
        {
            Reject(request, requester, 400, "InvalidCertificateOwnershipToken", "Certificate ownership token cannot be empty");
            return;
        }
        var parameters = body.GetValueOrDefault("parameters") as ImmutableSortedDictionary<string, string>
            ?? ImmutableSortedDictionary<string, string>.Empty;
        var template = grains.GetGrain<IProvisioningTemplateGrain>(request.Topic.Name);
        switch (await template.Provision(new ProvisionRequest(token, parameters, claim)))
        {
            case ProvisionResult.Provisioned provisioned:
                Accept(
                    request, requester, ("deviceConfiguration", provisioned.DeviceConfiguration), ("thingName", provisioned.Thing.Value));
                break;
            case ProvisionResult.Rejected rejected:
                Reject(request, requester, rejected.StatusCode, rejected.ErrorCode, rejected.Message);
                break;
        }
    }
}
