using System.Data.Common;
using Fleet.Silo.Blobs;
using Fleet.Silo.Storage;
using Microsoft.AspNetCore.Diagnostics;
using Orleans.Runtime.Messaging;
using Orleans.Storage;

namespace Fleet.Silo.Api;

/// <summary>
/// What was thrown on the way to an endpoint or out of it, as problem details. What is our fault is logged here,
/// once, and told without detail.
/// </summary>
internal sealed class ProblemExceptionHandler(ILogger<ProblemExceptionHandler> log) : IExceptionHandler
{
    /// <summary>nginx's number for a client that went away. Nobody reads it but the metrics.</summary>
    private const int ClientClosedRequest = 499;

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && httpContext.RequestAborted.IsCancellationRequested)
        {
            httpContext.Response.StatusCode = ClientClosedRequest;
            return true;
        }
        await Answer(httpContext.Request, exception).ExecuteAsync(httpContext);
        return true;
    }

    private IResult Answer(HttpRequest request, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException bad:
                return BadRequests.Describe(bad);
            case BlobNotStoredException { DiskIsFull: true }:
                ApiLog.Unavailable(log, request.Method, request.Path, exception.Message);
                return Problems.Of(
                    StatusCodes.Status507InsufficientStorage, "insufficient-storage", "The disk is full.",
                    "Nothing was stored. Repeat the upload when there is room.");
            // Orleans' reminders throw the driver's own.
            case StorageException or DbException or BlobNotStoredException:
                ApiLog.Unavailable(log, request.Method, request.Path, exception.Message);
                return Problems.Of(
                    StatusCodes.Status503ServiceUnavailable, "storage-unavailable", "The storage did not acknowledge the change.",
                    "It was not made, or, where the connection was lost, made as a whole: look before you repeat a POST.");
            // A silo died, or another activation of the grain had written first.
            case OrleansMessageRejectionException or InconsistentStateException or ClientNotAvailableException or ConnectionFailedException:
                ApiLog.Unavailable(log, request.Method, request.Path, exception.Message);
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, "silo-unavailable", "The service could not answer now.",
                    "It is not known whether the request had an effect: look before you repeat a POST.");
            case TimeoutException:
                ApiLog.Unavailable(log, request.Method, request.Path, exception.Message);
                return Problems.Of(
                    StatusCodes.Status503ServiceUnavailable, "timed-out",
                    "The answer took too long. It is not known whether the request had an effect.");
            default:
                ApiLog.RequestFailed(log, request.Method, request.Path, exception);
                return Problems.Of(
                    StatusCodes.Status500InternalServerError, "internal", "The service failed.",
                    "The traceId finds the failure in its log.");
        }
    }
}

internal static partial class ApiLog
{
    [LoggerMessage(5301, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(ILogger log, string method, string path, Exception cause);

    [LoggerMessage(5302, LogLevel.Warning, "{Method} {Path} could not be answered: {Reason}")]
    public static partial void Unavailable(ILogger log, string method, string path, string reason);
}
