using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Blobs;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Firmware;

/// <summary>PUT of a version's bytes: streamed to the disk, checked, and only then kept and signed.</summary>
internal static class FirmwareUploads
{
    public static async Task<IResult> Put(
        string model, string version, string? floor, HttpContext context, IGrainFactory grains, BlobStore blobs,
        CancellationToken cancellation)
    {
        if (!ModelName.TryParse(model, out var modelName)) return Problems.Invalid("model", $"Must be {ModelName.Grammar}.");
        if (!FirmwareVersion.TryParse(version, out var firmwareVersion))
            return Problems.Invalid("version", $"Must be {FirmwareVersion.Grammar}.");
        FirmwareVersion? floorVersion = null;
        if (floor is not null)
        {
            if (!FirmwareVersion.TryParse(floor, out var parsed)) return Problems.Invalid("floor", $"Must be {FirmwareVersion.Grammar}.");
            if (parsed > firmwareVersion)
                return Problems.Invalid("floor", "Must not be above the version itself, which no device could install then.");
            floorVersion = parsed;
        }
        if (!DeclaredDigest.TryRead(context.Request, out var declared, out var badField))
            return Problems.Invalid(badField, "Must be a SHA-256: ?sha256= in hex, or Content-Digest: sha-256=:base64: (RFC 9530).");
        if (context.Request.ContentLength > BlobStore.MaxBlobBytes) return TooLarge();

        var grain = grains.GetGrain<IFirmwareGrain>(FirmwareKeys.Of(modelName, firmwareVersion));
        var existing = await grain.Get();
        // What can be refused unread is.
        if (existing is not null && declared.Any(digest => digest.Sha256 != existing.Sha256)) return InUse(existing);

        // The server's limit is for the bodies of other endpoints; the store has its own.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        using var staged = await blobs.Stage(context.Request.Body, cancellation);
        if (staged is null) return TooLarge();
        if (staged.SizeBytes == 0) return Problems.Invalid("body", "The file is empty.");
        if (declared.FirstOrDefault(digest => digest.Sha256 != staged.Sha256) is { } wrong) return Mismatch(wrong, staged.Sha256);
        if (existing is not null && existing.Sha256 != staged.Sha256) return InUse(existing);
        staged.Commit();

        return await grain.Upload(new FirmwareUpload(staged.Sha256, staged.SizeBytes, floorVersion)) switch
        {
            UploadFirmwareResult.Stored { Created: true } stored =>
                TypedResults.Created($"/api/v1/firmware/{modelName}/{firmwareVersion}", FirmwareBody.Of(stored.Firmware)),
            UploadFirmwareResult.Stored stored => TypedResults.Ok(FirmwareBody.Of(stored.Firmware)),
            UploadFirmwareResult.VersionInUse inUse => InUse(inUse.Firmware),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static ProblemHttpResult TooLarge() => Problems.Of(
        StatusCodes.Status413PayloadTooLarge, "body-too-large", "The file is too large.", $"At most {BlobStore.MaxBlobBytes:N0} bytes.",
        "body");

    private static ProblemHttpResult Mismatch(DeclaredDigest declared, string actual) => Problems.Of(
        StatusCodes.Status400BadRequest, "digest-mismatch", "The file is not the one that was declared.",
        $"Declared {declared.Sha256}, received {actual}.", declared.Field);

    private static ProblemHttpResult InUse(FirmwareView existing) => Problems.Of(
        StatusCodes.Status409Conflict, "version-in-use", "The version exists with other content or another floor.",
        $"{existing.Model} {existing.Version} was uploaded {existing.UploadedAt:u} with SHA-256 {existing.Sha256}. "
        + "A version is never replaced: use a new one.", "version");
}
