using System.Globalization;
using Fleet.Gateway.Blocks;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Gateway.Downloads;

/// <summary>
/// GET and HEAD of a signed URL: the whole file or one range (RFC 9110, section 14). The job is asked each time, so a download ends with
/// it.
/// </summary>
internal sealed class DownloadEndpoint(
    DownloadUrls urls, IGrainFactory grains, StreamLeases streams, IBlobSource blobs, GatewayClock clock, GatewayMetrics metrics,
    ILogger<DownloadEndpoint> log)
{
    private const int PieceBytes = 64 * 1024;

    public async Task Serve(HttpContext context, DownloadRequest request)
    {
        var (file, refusal) = await Find(request);
        if (file is null)
        {
            await refusal!.ExecuteAsync(context);
            return;
        }
        using var blob = blobs.OpenRead(file.Sha256);
        if (blob is null)
        {
            log.BlobMissing(file.Sha256);
            await GatewayProblems.Of(StatusCodes.Status404NotFound, "file-not-found", "The file is not there.").ExecuteAsync(context);
            return;
        }
        await Send(context, blob, file);
    }

    private async Task<(StreamFile?, IResult?)> Find(DownloadRequest request)
    {
        if (!urls.IsGenuine(request)) return Forbid(request, "download-signature-invalid", "The URL's signature is not good.");
        if (DownloadUrls.IsExpired(request, clock.UtcNow)) return Forbid(request, "download-expired", "The URL has expired.");
        // What was signed here was well-formed; still, nothing below trusts that.
        if (!ThingName.TryParse(request.Thing, out var thing) || !StreamId.TryParse(request.Stream, out var stream)
            || !int.TryParse(request.FileId, NumberStyles.None, CultureInfo.InvariantCulture, out int fileId))
            return NotFound();
        if (!await grains.GetGrain<IDeviceGrain>(thing.Value).MayDownload(stream))
            return Forbid(request, "download-not-allowed", "The device has no job under way that needs this file.");
        var lease = await streams.Get(stream);
        var file = lease?.Description.Files.FirstOrDefault(candidate => candidate.FileId == fileId);
        return file is null ? NotFound() : (file, null);
    }

    private async Task Send(HttpContext context, SafeFileHandle blob, StreamFile file)
    {
        var (response, etag) = (context.Response, new EntityTagHeaderValue($"\"{file.Sha256}\""));
        var headers = response.GetTypedHeaders();
        headers.ETag = etag;
        headers.CacheControl = new CacheControlHeaderValue { Private = true, NoTransform = true };
        response.Headers.AcceptRanges = "bytes";

        var range = ByteRange.Of(context.Request, file.SizeBytes, etag);
        if (range.Kind == RangeKind.Unsatisfiable)
        {
            headers.ContentRange = new ContentRangeHeaderValue(file.SizeBytes);
            await GatewayProblems.Of(
                StatusCodes.Status416RangeNotSatisfiable, "range-not-satisfiable", "The range is outside the file.").ExecuteAsync(context);
            return;
        }
        response.StatusCode = range.Kind == RangeKind.Partial ? StatusCodes.Status206PartialContent : StatusCodes.Status200OK;
        if (range.Kind == RangeKind.Partial)
            headers.ContentRange = new ContentRangeHeaderValue(range.Offset, range.Offset + range.Length - 1, file.SizeBytes);
        response.ContentType = "application/octet-stream";
        response.ContentLength = range.Length;
        if (HttpMethods.IsHead(context.Request.Method)) return;
        await Copy(blob, range, response, context.RequestAborted);
    }

    /// <summary>From the file into the response's own buffers, a piece at a time, as fast as the client takes them.</summary>
    private async Task Copy(SafeFileHandle blob, ByteRange range, HttpResponse response, CancellationToken cancellation)
    {
        long offset = range.Offset, end = range.Offset + range.Length;
        try
        {
            while (offset < end)
            {
                var piece = response.BodyWriter.GetMemory(PieceBytes);
                int wanted = (int)Math.Min(Math.Min(piece.Length, PieceBytes), end - offset);
                int read = await RandomAccess.ReadAsync(blob, piece[..wanted], offset, cancellation);
                if (read == 0) throw new IOException("The blob is shorter than its stream says.");
                response.BodyWriter.Advance(read);
                offset += read;
                metrics.Downloaded(read);
                if ((await response.BodyWriter.FlushAsync(cancellation)).IsCompleted) return;
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The device hung up; it comes back with a range.
        }
    }

    private (StreamFile?, IResult?) Forbid(DownloadRequest request, string code, string title)
    {
        metrics.Denied(DeniedAction.Download);
        log.DownloadRefused(request.Thing, request.Stream, title);
        return (null, GatewayProblems.Of(StatusCodes.Status403Forbidden, code, title));
    }

    private static (StreamFile?, IResult?) NotFound() =>
        (null, GatewayProblems.Of(StatusCodes.Status404NotFound, "file-not-found", "There is no such file."));
}
