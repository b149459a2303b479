using System.ComponentModel.DataAnnotations;

namespace Fleet.Grains.Certificates;

/// <summary>What a claim may, unless an operator has set it otherwise for that one: the section <c>Fleet:Claims</c>.</summary>
public sealed class ClaimOptions
{
    public const string Section = "Fleet:Claims";

    /// <summary>Certificates in all: a large batch. A key that leaks is good for no more.</summary>
    [Range(1, 100_000_000)] public int MaxCertificates { get; set; } = 10_000;

    /// <summary>
    /// Certificates per second, those of ten seconds at once: twice what AWS IoT Core registers for a whole account.
    /// </summary>
    [Range(1, 100_000)] public int CertificatesPerSecond { get; set; } = 20;

    /// <summary>
    /// Certificates at a time that no device has been registered with yet. A device needs a second from one to the other.
    /// </summary>
    [Range(1, 10_000)] public int MaxPending { get; set; } = 200;

    /// <summary>
    /// How long a device may take to register with a new certificate, in minutes; then the certificate is gone, and the device asks for
    /// another one. AWS IoT Core has an hour.
    /// </summary>
    [Range(1, 60)] public int PendingMinutes { get; set; } = 10;
}
