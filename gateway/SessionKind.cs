namespace Fleet.Gateway;

/// <summary>How a client has shown who it is.</summary>
internal enum SessionKind
{
    /// <summary>A device with its own certificate.</summary>
    Device,

    /// <summary>A claim certificate: provisioning and nothing else.</summary>
    Claim,

    /// <summary>A user name and password.</summary>
    Operator,

    /// <summary>The plain port: anonymous.</summary>
    Plain,
}
