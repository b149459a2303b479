namespace Fleet.Interfaces.Certificates;

/// <summary>Object identifiers that Fleet's certificates carry.</summary>
public static class CertificateOids
{
    /// <summary>Extended key usage: TLS client authentication (RFC 5280, 4.2.1.12). Devices and claims.</summary>
    public const string ClientAuth = "1.3.6.1.5.5.7.3.2";

    /// <summary>Extended key usage: TLS server authentication (RFC 5280, 4.2.1.12). The gateway.</summary>
    public const string ServerAuth = "1.3.6.1.5.5.7.3.1";

    /// <summary>Extended key usage: code signing (RFC 5280, 4.2.1.12). The firmware signer.</summary>
    public const string CodeSigning = "1.3.6.1.5.5.7.3.3";

    /// <summary>
    /// Extended key usage: a claim, good for provisioning and nothing else. A UUID in the arc 2.25 (ITU-T X.667), which needs no
    /// registration.
    /// </summary>
    public const string Claim = "2.25.98042302180178728826039870503311884706";
}
