namespace Fleet.Gateway.Policies;

/// <summary>What anonymous clients may do: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class PolicyOptions
{
    /// <summary>
    /// Policy document for the clients of the plain port; null: the built-in one, all topics but those that start with '$'.
    /// </summary>
    public string? PlainPolicyPath { get; set; }
}
