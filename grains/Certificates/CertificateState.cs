using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Certificates;

namespace Fleet.Grains.Certificates;

/// <summary>What is kept of one certificate. The private key never is.</summary>
internal sealed record CertificateState : ICatalogued
{
    /// <summary>Null until it is recorded, and again once it was deleted unused.</summary>
    public CertificateView? Certificate { get; init; }

    /// <summary>SHA-256 of the ownership token, lower-case hex. The token itself is known to the device alone.</summary>
    public string? OwnershipTokenSha256 { get; init; }

    public DateTimeOffset? OwnershipTokenExpiresAt { get; init; }

    /// <summary>Claims are listed; a device's certificates are found through the device.</summary>
    public CatalogRow? ToCatalogRow() => Certificate is { Kind: CertificateKind.Claim } claim
        ? new CatalogRow("claim", claim.Id.Value, JsonNamingPolicy.CamelCase.ConvertName(claim.Status.ToString()), claim.CreatedAt)
        : null;
}

[JsonSerializable(typeof(CertificateState))]
[JsonSerializable(typeof(ClaimState))]
internal sealed partial class CertificatesJson : JsonSerializerContext;
