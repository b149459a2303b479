using Fleet.Grains.Index;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Blobs;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Fleet.Silo.Api.Firmware;

/// <summary>Firmware by model and version: upload, publish, look up, read back.</summary>
internal static class FirmwareEndpoints
{
    private const string One = "/firmware/{model}/{version}";

    public static void MapFirmware(this IEndpointRouteBuilder api)
    {
        api.MapPut(One, FirmwareUploads.Put).RequireAuthorization(Roles.Publisher).WithTags("Firmware")
            .WithSummary("Uploads a version's file, up to 1 GiB, as the raw body.")
            .WithDescription(
                "Content-Digest: sha-256=:base64: (RFC 9530) or ?sha256= (hex) is checked. "
                + "?floor= is the lowest version devices accept once they confirmed this one.")
            .Produces<FirmwareBody>(StatusCodes.Status201Created).Produces<FirmwareBody>()
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge).ProducesProblem(StatusCodes.Status507InsufficientStorage)
            .AddOpenApiOperationTransformer(AcceptsRawBytes);
        api.MapGet("/firmware", List).RequireAuthorization(Roles.Viewer)
            .WithTags("Firmware").WithSummary("All firmware, by model and version.")
            .Produces<Page<FirmwareBody>>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet(One, Get).RequireAuthorization(Roles.Viewer).WithTags("Firmware").WithSummary("One version.")
            .Produces<FirmwareBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapGet(One + "/content", Content).RequireAuthorization(Roles.Viewer)
            .WithTags("Firmware").WithSummary("A version's file; takes ranges.")
            .Produces(StatusCodes.Status200OK, contentType: "application/octet-stream").ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPost(One + "/publish", Publish).RequireAuthorization(Roles.Publisher).WithTags("Firmware")
            .WithSummary("Opens a version for rollouts. A repeat changes nothing.")
            .Produces<FirmwareBody>().ProducesProblem(StatusCodes.Status404NotFound);
    }

    // .Accepts() would say it too, and answer 415 to curl, which calls any file a form.
    private static Task AcceptsRawBytes(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/octet-stream"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } },
            },
        };
        return Task.CompletedTask;
    }

    private static Task<IResult> List(
        IGrainFactory grains, ICatalog catalog, CancellationToken cancellation, string? cursor = null, int limit = Cursors.DefaultLimit) =>
        CatalogPage.List(
            catalog, "firmware", cursor, limit, key => grains.GetGrain<IFirmwareGrain>(key).Get(), FirmwareBody.Of, cancellation);

    private static async Task<IResult> Get(string model, string version, IGrainFactory grains) =>
        await Find(model, version, grains) is { } firmware ? TypedResults.Ok(FirmwareBody.Of(firmware)) : NotFound(model, version);

    private static async Task<IResult> Content(string model, string version, IGrainFactory grains, BlobStore blobs, HttpResponse response)
    {
        if (await Find(model, version, grains) is not { } firmware) return NotFound(model, version);
        if (blobs.OpenRead(firmware.Sha256) is not { } file)
            return Problems.Of(
                StatusCodes.Status404NotFound, "firmware-content-missing", "The version is known, and its file is not there.",
                $"Upload the file with SHA-256 {firmware.Sha256} again.");
        // Of the whole file, whatever range is asked for (RFC 9530, 3).
        response.Headers["Repr-Digest"] = $"sha-256=:{Convert.ToBase64String(Convert.FromHexString(firmware.Sha256))}:";
        return TypedResults.Stream(
            new FileStream(file, FileAccess.Read, bufferSize: 0), "application/octet-stream", $"{firmware.Model}-{firmware.Version}.bin",
            firmware.UploadedAt, new EntityTagHeaderValue($"\"{firmware.Sha256}\""), enableRangeProcessing: true);
    }

    private static async Task<IResult> Publish(string model, string version, IGrainFactory grains)
    {
        if (KeyOf(model, version) is not { } key) return NotFound(model, version);
        return await grains.GetGrain<IFirmwareGrain>(key).Publish() switch
        {
            PublishFirmwareResult.Published published => TypedResults.Ok(FirmwareBody.Of(published.Firmware)),
            PublishFirmwareResult.NotFound => NotFound(model, version),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static async Task<FirmwareView?> Find(string model, string version, IGrainFactory grains) =>
        KeyOf(model, version) is { } key ? await grains.GetGrain<IFirmwareGrain>(key).Get() : null;

    /// <summary>Null for a name that nothing can have.</summary>
    private static string? KeyOf(string model, string version) =>
        ModelName.TryParse(model, out var modelName) && FirmwareVersion.TryParse(version, out var firmwareVersion)
            ? FirmwareKeys.Of(modelName, firmwareVersion)
            : null;

    private static ProblemHttpResult NotFound(string model, string version) => Problems.NotFound("firmware", $"{model}/{version}");
}
