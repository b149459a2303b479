using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Grains.Certificates;
using Fleet.Grains.Firmware;

namespace Fleet.Silo.Api.Ca;

/// <summary>The certificate authority.</summary>
/// <param name="CertificatePem">What devices trust.</param>
/// <param name="Sha256">SHA-256 of the certificate's DER, lower-case hex: the fingerprint to compare by.</param>
/// <param name="FirmwareSignerPem">The certificate that firmware signatures verify against, issued by this authority.</param>
internal sealed record CaBody(
    string CertificatePem, string Subject, string Sha256, DateTimeOffset NotBefore, DateTimeOffset NotAfter, string FirmwareSignerPem);

internal static class CaEndpoints
{
    private const string Pem = "application/x-pem-file";
    private const string Json = "application/json";

    public static void MapCa(this IEndpointRouteBuilder api) =>
        api.MapGet("/ca", Get).RequireAuthorization(Roles.Viewer).WithTags("Certificates")
            .WithSummary("The certificate authority's certificate: PEM, or JSON with more about it, as Accept says.")
            .Produces<CaBody>(StatusCodes.Status200OK, Json, Pem);

    private static IResult Get(HttpRequest request, ICertificateSigner ca, IFirmwareSigner firmware)
    {
        if (!PrefersJson(request)) return TypedResults.Text(ca.CaCertificatePem, Pem);
        using var certificate = X509Certificate2.CreateFromPem(ca.CaCertificatePem);
        return TypedResults.Ok(new CaBody(
            ca.CaCertificatePem, certificate.Subject, Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256)),
            certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime(), firmware.CertificatePem));
    }

    /// <summary>PEM unless JSON is asked for by name, and not less than PEM is.</summary>
    private static bool PrefersJson(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        double Quality(string type) => accepted.Where(a => a.MediaType == type).Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max();
        return Quality(Json) is > 0 and var json && json >= Quality(Pem);
    }
}
