using System.Security.Cryptography;
using Fleet.Grains.Firmware;

namespace Fleet.Silo.Pki;

/// <summary>The key that signs firmware, in a file of this machine.</summary>
internal sealed class FirmwareSigner(Identity signer) : IFirmwareSigner
{
    private readonly Lock _lock = new();

    public string CertificatePem { get; } = signer.CertificatePem;

    public byte[] SignHash(ReadOnlySpan<byte> sha256)
    {
        // .NET does not promise that one key object may sign twice at once.
        lock (_lock) return signer.Key.SignHash(sha256, DSASignatureFormat.Rfc3279DerSequence);
    }
}
