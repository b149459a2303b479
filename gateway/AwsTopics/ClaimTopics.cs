using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// What the two provisioning families share: for a claim session only, in JSON or CBOR, answered to the requesting connection alone,
/// because thousands of claim holders subscribe to the same topic and the answer may hold a private key (spec/aws-iot-topics.md, section
/// 4).
/// </summary>
internal abstract class ClaimTopics(TopicFamily family) : IRequestHandler
{
    public TopicFamily Family => family;

    public async ValueTask Handle(ReservedRequest request, Requester requester)
    {
        if (requester.Identity is not { Kind: SessionKind.Claim, Certificate: { } claim })
            Reject(request, requester, 403, "AccessDenied", "Only a claim certificate may provision.");
        else if (ProvisioningBody.TryRead(request.Payload, request.Topic.Format) is not { } body)
            Reject(request, requester, 400, "InvalidPayload", $"The body is not a {request.Topic.Format} map, or holds U+0000.");
        else
        {
            try
            {
                await Handle(request, body, claim, requester);
            }
            catch
            {
                Reject(request, requester, 500, "InternalError", "The service failed; try again.");
                throw;
            }
        }
    }

    protected abstract Task Handle(ReservedRequest request, Dictionary<string, object> body, CertificateId claim, Requester requester);

    protected static void Accept(ReservedRequest request, Requester requester, params ReadOnlySpan<(string Name, object? Value)> members) =>
        requester.Answer($"{request.Topic.Text}/accepted", ProvisioningBody.Write(request.Topic.Format, members));

    protected static void Reject(ReservedRequest request, Requester requester, int statusCode, string errorCode, string message) =>
        requester.Answer($"{request.Topic.Text}/rejected", ProvisioningBody.Write(
            request.Topic.Format, ("statusCode", statusCode), ("errorCode", errorCode), ("errorMessage", message)));
}
