using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Policies;

/// <summary>Which policy a session gets: a built-in one, or the operator's file for the plain port.</summary>
internal sealed class PolicySource
{
    public PolicySource(IOptions<PolicyOptions> options) => Plain = options.Value.PlainPolicyPath is { } path
        ? PolicyDocument.Parse(Path.GetFileName(path), File.ReadAllBytes(path)) : BuiltInPolicies.Development;

    public PolicyDocument Plain { get; }

    public PolicyDocument Of(SessionKind kind) => kind switch
    {
        SessionKind.Device => BuiltInPolicies.Device,
        SessionKind.Claim => BuiltInPolicies.Claim,
        SessionKind.Operator => BuiltInPolicies.Operator,
        _ => Plain,
    };
}
