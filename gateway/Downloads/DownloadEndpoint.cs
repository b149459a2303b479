using Fleet.Gateway.Blocks;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Fleet.Gateway.Downloads;

/// <summary>
/// <c>GET /files/{thing}/{stream}/{fileId}</c> with a signed query: whole or one range (RFC 9110, section 14), the digest as its ETag.
/// The signature says who was given the URL; the device's grain says, at each request, whether it may still have the file.
/// </summary>
internal sealed class DownloadEndpoint(
    DownloadUrls urls, StreamDirectory streams, IBlobSource blobs, IGrainFactory grains, DownloadMetrics metrics, TimeProvider clock)
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapMethods("/files/{thing}/{stream}/{fileId:int}", [HttpMethods.Get, HttpMethods.Head],
                (string thing, string stream, int fileId, string? expires, string? signature, HttpContext context, DownloadEndpoint endpoint) =>
                    endpoint.Get(thing, stream, fileId, expires, signature, context))
            .WithName("DownloadFile").WithSummary("A firmware file, by the signed URL of a job document.").AllowAnonymous();

    private async Task<IResult> Get(string thing, string stream, int fileId, string? expires, string? signature, HttpContext context)
    {
        context.Response.OnCompleted(() =>
        {
            bool body = context.Response.StatusCode is StatusCodes.Status200OK or StatusCodes.Status206PartialContent && HttpMethods.IsGet(context.Request.Method);
            metrics.Answered(context.Response.StatusCode, body ? context.Response.ContentLength ?? 0 : 0);
            return Task.CompletedTask;
        });
        switch (urls.Check(thing, stream, fileId, expires, signature, clock.GetUtcNow()))
        {
            case DownloadUrlCheck.Invalid: return Refuse(StatusCodes.Status403Forbidden, "download-signature", "The signature does not fit this URL.");
            case DownloadUrlCheck.Expired: return Refuse(StatusCodes.Status403Forbidden, "download-expired", "The URL has expired: ask for the job again.");
        }
        if (!ThingName.TryParse(thing, out var name) || !StreamId.TryParse(stream, out var id) || await streams.Find(id) is not { } lease
            || lease.Description.Files.FirstOrDefault(f => f.FileId == fileId) is not { } file)
        {
            return Refuse(StatusCodes.Status404NotFound, "file-not-found", "There is no such file.");
        }
        if (!await grains.GetGrain<IDeviceGrain>(name.Value).MayDownload(id))
        {
            return Refuse(StatusCodes.Status403Forbidden, "download-revoked", "The device has no job under way that needs this file.");
        }
        if (blobs.OpenRead(file.Sha256) is not { } handle) return Refuse(StatusCodes.Status404NotFound, "file-not-found", "The file is not in the store.");
        return TypedResults.Stream(new FileStream(handle, FileAccess.Read, bufferSize: 0), "application/octet-stream",
            entityTag: new EntityTagHeaderValue($"\"{file.Sha256}\""), enableRangeProcessing: true);
    }

    private static ProblemHttpResult Refuse(int status, string code, string title) =>
        TypedResults.Problem(type: $"urn:fleet:error:{code}", statusCode: status, title: title);
}
