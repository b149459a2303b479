using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.AwsTopics;

/// <summary><c>$aws/certificates/create</c> and <c>create-from-csr</c>.</summary>
internal sealed class CertificateTopics(IGrainFactory grains) : ClaimTopics(TopicFamily.Certificates)
{
    private const int MaxCsrCharacters = 4_096;

    protected override async Task Handle(ReservedRequest request, Dictionary<string, object> body, CertificateId claim, Requester requester)
    {
        var authority = grains.GetGrain<ICertificateAuthorityGrain>(ICertificateAuthorityGrain.DefaultId);
        IssueCertificateResult result;
        if (request.Topic.Operation == "create")
        {
            result = await authority.IssueWithNewKey(claim);
        }
        else if (body.GetValueOrDefault("certificateSigningRequest") is string { Length: > 0 and <= MaxCsrCharacters } csr)
        {
            result = await authority.IssueFromCsr(csr, claim);
        }
        else
        {
            Reject(request, requester, 400, "InvalidCsr", $"certificateSigningRequest is missing, or over {MaxCsrCharacters} characters.");
            return;
        }
        switch (result)
        {
            case IssueCertificateResult.Issued issued:
                Accept(request, requester,
                    ("certificateId", issued.CertificateId.Value), ("certificatePem", issued.CertificatePem),
                    ("privateKey", issued.PrivateKeyPem), ("certificateOwnershipToken", issued.OwnershipToken));
                break;
            case IssueCertificateResult.InvalidCsr invalid:
                Reject(request, requester, 400, "InvalidCsr", invalid.Detail);
                break;
            case IssueCertificateResult.Throttled throttled:
                Reject(request, requester, 429, "ThrottlingException", throttled.Detail);
                break;
            case IssueCertificateResult.Denied denied:
                Reject(request, requester, 403, "AccessDenied", denied.Detail);
                break;
        }
    }
}
