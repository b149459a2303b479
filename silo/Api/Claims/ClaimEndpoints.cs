using Fleet.Grains.Certificates;
using Fleet.Grains.Index;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Claims;

/// <summary>Claim certificates: the way in, good for provisioning and nothing else.</summary>
internal static class ClaimEndpoints
{
    private const int MaxLabelCharacters = 128, MostCertificates = 100_000_000, MostPerSecond = 100_000;

    public static void MapClaims(this IEndpointRouteBuilder api)
    {
        api.MapPost("/claims", Create).RequireAuthorization(Roles.Operator).WithTags("Claims")
            .WithSummary("Makes a claim certificate, valid for 20 years. Its key is shown this once.")
            .Produces<IssuedClaimBody>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet("/claims", List).RequireAuthorization(Roles.Viewer).WithTags("Claims").WithSummary("All claim certificates, by id.")
            .Produces<Page<ClaimBody>>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet("/claims/{id}", Get).RequireAuthorization(Roles.Viewer).WithTags("Claims").WithSummary("One claim certificate.")
            .Produces<ClaimBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPut("/claims/{id}/limits", SetLimits).RequireAuthorization(Roles.Operator).WithTags("Claims")
            .WithSummary("Sets how much a claim may be used from now on. What is absent is as the service's settings have it.")
            .Produces<ClaimBody>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        api.MapDelete("/claims/{id}", Revoke).RequireAuthorization(Roles.Operator).WithTags("Claims")
            .WithSummary("Revokes a claim certificate: it lets nobody in any more. Devices that it let in stay. A repeat changes nothing.")
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> Create(NewClaimBody body, IGrainFactory grains, ICertificateSigner ca, HttpResponse response)
    {
        if (body.Label is not { Length: > 0 and <= MaxLabelCharacters } label || label.Any(char.IsControl))
            return Problems.Invalid("label", $"Must be 1 to {MaxLabelCharacters} characters, and no control characters.");
        if (body.Template is not (null or IProvisioningTemplateGrain.DefaultName))
            return Problems.Invalid(
                "template", $"There is no provisioning template of that name. There is '{IProvisioningTemplateGrain.DefaultName}'.");
        ThingName? thing = null;
        if (body.Thing is not null)
        {
            if (!ThingName.TryParse(body.Thing, out var parsed)) return Problems.Invalid("thing", $"Must be {ThingName.Grammar}.");
            thing = parsed;
        }

        var limits = new ClaimLimits(body.MaxCertificates, body.CertificatesPerSecond);
        if (WhyNot(limits) is { } wrong) return wrong;

        var template = body.Template ?? IProvisioningTemplateGrain.DefaultName;
        var issued = await grains.GetGrain<ICertificateAuthorityGrain>(ICertificateAuthorityGrain.DefaultId)
            .IssueClaim(new ClaimRequest(label, template, thing));
        var claim = issued.Certificate;
        await Use(claim, grains).SetLimits(limits);
        response.Headers.CacheControl = "no-store";
        return TypedResults.Created($"/api/v1/claims/{claim.Id}", new IssuedClaimBody(
            claim.Id.Value, claim.Pem, issued.PrivateKeyPem, ca.CaCertificatePem, claim.NotAfter, label, template, thing?.Value));
    }

    private static Task<IResult> List(
        IGrainFactory grains, ICatalog catalog, CancellationToken cancellation, string? cursor = null, int limit = Cursors.DefaultLimit) =>
        CatalogPage.List(catalog, "claim", cursor, limit, id => FindBody(id, grains), static body => body, cancellation);

    private static async Task<IResult> Get(string id, IGrainFactory grains) =>
        await FindBody(id, grains) is { } body ? TypedResults.Ok(body) : Problems.NotFound("claim", id);

    private static async Task<IResult> SetLimits(string id, ClaimLimitsBody body, IGrainFactory grains)
    {
        if (await Find(id, grains) is not { } claim) return Problems.NotFound("claim", id);
        var limits = new ClaimLimits(body.MaxCertificates, body.CertificatesPerSecond);
        if (WhyNot(limits) is { } wrong) return wrong;
        await Use(claim, grains).SetLimits(limits);
        return TypedResults.Ok(await BodyOf(claim, grains));
    }

    private static async Task<IResult> Revoke(string id, IGrainFactory grains)
    {
        if (await Find(id, grains) is null) return Problems.NotFound("claim", id);
        await grains.GetGrain<ICertificateGrain>(id).Revoke();
        return TypedResults.NoContent();
    }

    private static ProblemHttpResult? WhyNot(ClaimLimits limits) => limits switch
    {
        { MaxCertificates: < 0 or > MostCertificates } => Problems.Invalid("maxCertificates", $"Must be 0 to {MostCertificates:N0}."),
        { CertificatesPerSecond: < 1 or > MostPerSecond } => Problems.Invalid("certificatesPerSecond", $"Must be 1 to {MostPerSecond:N0}."),
        _ => null,
    };

    private static IClaimGrain Use(CertificateView claim, IGrainFactory grains) => grains.GetGrain<IClaimGrain>(claim.Id.Value);

    private static async Task<ClaimBody> BodyOf(CertificateView claim, IGrainFactory grains) =>
        ClaimBody.Of(claim, await Use(claim, grains).GetUse());

    private static async Task<ClaimBody?> FindBody(string id, IGrainFactory grains) =>
        await Find(id, grains) is { } claim ? await BodyOf(claim, grains) : null;

    private static async Task<CertificateView?> Find(string id, IGrainFactory grains) =>
        CertificateId.TryParse(id, out var certificate) &&
        await grains.GetGrain<ICertificateGrain>(certificate.Value).Get() is { Kind: CertificateKind.Claim } claim ? claim : null;
}
