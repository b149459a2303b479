using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Certificates;

/// <summary>
/// What one claim certificate has been used for, and how much it may be used. The key is the claim's <see cref="CertificateId"/>. Whoever
/// asks knows that it is a claim: nothing here looks at that.
/// </summary>
[Alias("fleet.claim-grain")]
public interface IClaimGrain : IGrainWithStringKey
{
    Task<ClaimUse> GetUse();

    /// <summary>Null if it may have a certificate now. Changes nothing.</summary>
    Task<ClaimRefusal?> WhyNot();

    /// <summary>
    /// Before a certificate is recorded: counts it, and sees to it that it goes if nobody registers with it in time. Null if that is done.
    /// </summary>
    Task<ClaimRefusal?> Issue(CertificateId certificate);

    /// <summary>A device was registered with a certificate that <see cref="Issue"/> let pass.</summary>
    Task Registered(CertificateId certificate);

    /// <summary>Sets what this claim may, from now on. Nothing that was issued is taken back.</summary>
    Task SetLimits(ClaimLimits limits);
}

/// <summary>What an operator has set for one claim; null: as the settings have it for all (<c>Fleet:Claims</c>).</summary>
/// <param name="MaxCertificates">In all.</param>
/// <param name="CertificatesPerSecond">On average; those of ten seconds at once.</param>
[GenerateSerializer, Immutable, Alias("fleet.claim-limits")]
public sealed record ClaimLimits([property: Id(0)] int? MaxCertificates, [property: Id(1)] int? CertificatesPerSecond);

/// <param name="MaxCertificates">As it applies.</param>
/// <param name="CertificatesPerSecond">As it applies.</param>
/// <param name="Issued">Certificates that were made through it, those that nobody used among them.</param>
/// <param name="Pending">Of these, those that no device has been registered with yet.</param>
[GenerateSerializer, Immutable, Alias("fleet.claim-use")]
public sealed record ClaimUse(
    [property: Id(0)] int MaxCertificates,
    [property: Id(1)] int CertificatesPerSecond,
    [property: Id(2)] int Issued,
    [property: Id(3)] int Pending);

[GenerateSerializer, Alias("fleet.claim-limit")]
public enum ClaimLimit
{
    /// <summary>Certificates per second.</summary>
    Rate,

    /// <summary>Certificates that no device has been registered with yet.</summary>
    Pending,

    /// <summary>Certificates in all.</summary>
    Total,
}

/// <param name="Detail">A sentence for whoever asked.</param>
[GenerateSerializer, Immutable, Alias("fleet.claim-refusal")]
public sealed record ClaimRefusal([property: Id(0)] ClaimLimit Limit, [property: Id(1)] string Detail);
