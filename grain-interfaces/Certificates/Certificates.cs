using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Certificates;

[GenerateSerializer, Alias("fleet.certificate-kind")]
public enum CertificateKind
{
    /// <summary>A device's own, one year.</summary>
    Device,

    /// <summary>Good for provisioning and nothing else, 20 years.</summary>
    Claim,
}

[GenerateSerializer, Alias("fleet.certificate-status")]
public enum CertificateStatus { PendingActivation, Active, Inactive, Revoked }

/// <summary>
/// A certificate as gateways and operators see it. Grains store it too, and what is required must be there when it is
/// read: so nulls are written.
/// </summary>
[GenerateSerializer, Immutable, Alias("fleet.certificate-view")]
public sealed record CertificateView
{
    [Id(0)] public required CertificateId Id { get; init; }
    [Id(1)] public required CertificateKind Kind { get; init; }
    [Id(2)] public required CertificateStatus Status { get; init; }

    /// <summary>Serial number, lower-case hex.</summary>
    [Id(3)] public required string SerialNumber { get; init; }
    [Id(4)] public required DateTimeOffset NotBefore { get; init; }
    [Id(5)] public required DateTimeOffset NotAfter { get; init; }

    /// <summary>A device certificate's thing, once provisioned. A claim's: the only thing it may provision, or null for any.</summary>
    [Id(6)] public required ThingName? Thing { get; init; }

    /// <summary>A claim's: the only template it may use.</summary>
    [Id(7)] public required string? Template { get; init; }

    /// <summary>A claim's: what the operator calls it.</summary>
    [Id(8)] public required string? Label { get; init; }

    /// <summary>
    /// The certificate, in DER: a fifth of the memory that its text would take in each grain. In a grain's record it is PEM.
    /// </summary>
    [Id(9), JsonPropertyName("pem"), JsonConverter(typeof(PemText))] public required ImmutableArray<byte> Der { get; init; }
    [Id(10)] public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>A device certificate's: the claim that asked for it.</summary>
    [Id(11)] public CertificateId? IssuedThrough { get; init; }

    /// <summary>As files have it, with a line's end.</summary>
    [JsonIgnore] public string Pem => PemText.Of(Der);

    public sealed class PemText : JsonConverter<ImmutableArray<byte>>
    {
        private const string Label = "CERTIFICATE";

        public static string Of(ImmutableArray<byte> der) => PemEncoding.WriteString(Label, der.AsSpan()) + "\n";

        public override ImmutableArray<byte> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            string pem = reader.GetString()!;
            return PemEncoding.TryFind(pem, out var fields) ? [.. Convert.FromBase64String(pem[fields.Base64Data])]
                : throw new JsonException("A certificate's record has no certificate in it: PEM was expected.");
        }

        public override void Write(Utf8JsonWriter writer, ImmutableArray<byte> value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Of(value));
    }
}

/// <summary>One certificate. The key is its <see cref="CertificateId"/>.</summary>
[Alias("fleet.certificate-grain")]
public interface ICertificateGrain : IGrainWithStringKey
{
    /// <summary>Null for one that this service did not issue (or that was deleted unused).</summary>
    Task<CertificateView?> Get();

    /// <summary>Records a certificate that the authority just made. A repeat changes nothing.</summary>
    Task Record(CertificateView certificate, string? ownershipTokenSha256);

    /// <summary>True if <see cref="Activate"/> would say so now. Changes nothing.</summary>
    Task<bool> MayActivate(string ownershipToken, ThingName thing);

    /// <summary>
    /// Spends the ownership token: attaches the thing and makes the certificate ACTIVE. False if the token is wrong, spent on another
    /// thing, or expired (<c>Fleet:Claims:PendingMinutes</c>). A repeat with the same thing answers as the first did.
    /// </summary>
    Task<bool> Activate(string ownershipToken, ThingName thing);

    /// <summary>Deletes it if its token has expired unspent.</summary>
    Task ForgetIfUnused();

    /// <summary>Ends it for good: whoever looks it up from now on finds it revoked. False if there is no such certificate.</summary>
    Task<bool> Revoke();
}

/// <summary>
/// Issues and numbers certificates. The key is the CA's id; <see cref="DefaultId"/> for the one that is made at first start.
/// </summary>
[Alias("fleet.certificate-authority-grain")]
public interface ICertificateAuthorityGrain : IGrainWithStringKey
{
    const string DefaultId = "fleet";

    /// <summary>CreateCertificateFromCsr: a PENDING_ACTIVATION device certificate for the CSR's key (spec, section 4).</summary>
    Task<IssueCertificateResult> IssueFromCsr(string csrPem, CertificateId claim);

    /// <summary>CreateKeysAndCertificate: the same with a key made here, returned once and never kept.</summary>
    Task<IssueCertificateResult> IssueWithNewKey(CertificateId claim);

    /// <summary>Makes a claim certificate: 20 years, provisioning only. The key is returned once and never kept.</summary>
    Task<IssuedClaim> IssueClaim(ClaimRequest request);
}

/// <param name="Label">What the operator calls it: 1 to 128 characters.</param>
/// <param name="Template">The only template it may use.</param>
/// <param name="Thing">The only thing it may provision; null for a batch.</param>
[GenerateSerializer, Immutable, Alias("fleet.claim-request")]
public sealed record ClaimRequest(
    [property: Id(0)] string Label,
    [property: Id(1)] string Template,
    [property: Id(2)] ThingName? Thing);

[GenerateSerializer, Immutable, Alias("fleet.issued-claim")]
public sealed record IssuedClaim([property: Id(0)] CertificateView Certificate, [property: Id(1)] string PrivateKeyPem);

[GenerateSerializer, Immutable, Alias("fleet.issue-certificate-result")]
public abstract record IssueCertificateResult
{
    private IssueCertificateResult() { }

    /// <param name="PrivateKeyPem">PKCS#8 PEM when the key was made here; null for a CSR.</param>
    [GenerateSerializer, Immutable, Alias("fleet.issue-certificate-result.issued")]
    public sealed record Issued(
        [property: Id(0)] CertificateId CertificateId,
        [property: Id(1)] string CertificatePem,
        [property: Id(2)] string OwnershipToken,
        [property: Id(3)] string? PrivateKeyPem) : IssueCertificateResult;

    [GenerateSerializer, Immutable, Alias("fleet.issue-certificate-result.invalid-csr")]
    public sealed record InvalidCsr([property: Id(0)] string Detail) : IssueCertificateResult;

    /// <summary>The claim is unknown, revoked or expired, or has had all its certificates.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.issue-certificate-result.denied")]
    public sealed record Denied([property: Id(0)] string Detail) : IssueCertificateResult;

    /// <summary>The claim may have no certificate now, and may have one later.</summary>
    [GenerateSerializer, Immutable, Alias("fleet.issue-certificate-result.throttled")]
    public sealed record Throttled([property: Id(0)] string Detail) : IssueCertificateResult;
}
