namespace Fleet.Gateway.Policies;

/// <summary>The documents that come with the gateway, beside this file.</summary>
internal static class BuiltInPolicies
{
    /// <summary>A device: connect as its own thing; its own topics and nobody else's.</summary>
    public static PolicyDocument Device { get; } = Load("device");

    /// <summary>A claim: the provisioning topics of its template, and nothing else.</summary>
    public static PolicyDocument Claim { get; } = Load("claim");

    /// <summary>A person or program with a user name and password.</summary>
    public static PolicyDocument Operator { get; } = Load("operator");

    /// <summary>An anonymous client of the plain port.</summary>
    public static PolicyDocument Development { get; } = Load("development");

    private static PolicyDocument Load(string name)
    {
        using var stream = typeof(BuiltInPolicies).Assembly.GetManifestResourceStream(name + ".json")
            ?? throw new InvalidOperationException($"The assembly lacks its policy {name}.json.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return PolicyDocument.Parse(name, bytes.ToArray());
    }
}
