namespace Fleet.Grains.Firmware;

/// <summary>The key that signs firmware, and its certificate.</summary>
public interface IFirmwareSigner
{
    /// <summary>The signer's certificate, PEM: issued by the Fleet CA for code signing. Devices get it when they are provisioned.</summary>
    string CertificatePem { get; }

    /// <summary>ECDSA P-256 over a SHA-256, DER (Rfc3279DerSequence; spec/security.md, 2.5). Safe to call from several threads.</summary>
    /// <param name="sha256">32 bytes.</param>
    byte[] SignHash(ReadOnlySpan<byte> sha256);
}
