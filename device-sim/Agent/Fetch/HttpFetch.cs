using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Fleet.DeviceSim.Agent.Wire;

namespace Fleet.DeviceSim.Agent.Fetch;

/// <summary>
/// Fetches a file from a signed URL: a range request (RFC 9110, 14.2) for each run of missing blocks, so that a download resumes where
/// it broke off, whatever way the first blocks came.
/// </summary>
/// <param name="patience">Silence after which a response counts as broken off.</param>
internal sealed class HttpFetch(HttpClient http, TimeSpan patience, TimeProvider time, Backoff backoff)
{
    /// <summary>Attempts in a row that may bring not a single block.</summary>
    public const int MaxAttempts = 8;

    public async Task<FetchResult> RunAsync(string link, BlockSink sink, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(link, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            return new FetchResult.Failed("update_data_url is not an HTTP URL");
        var map = sink.Map;
        for (int fruitless = 0; !map.IsComplete;)
        {
            int before = map.Missing;
            int first = map.FirstMissing();
            var trouble = await FetchRunAsync(url, sink, first, map.EndOfRun(first), cancellation);
            if (trouble is FetchResult.LinkRefused) return trouble;
            fruitless = map.Missing < before ? 0 : fruitless + 1;
            if (trouble is null) continue;
            if (fruitless == MaxAttempts) return trouble;
            await Task.Delay(backoff.Next(), time, cancellation);
        }
        return new FetchResult.Complete();
    }

    /// <summary>Null if the server sent all it was asked for.</summary>
    private async Task<FetchResult?> FetchRunAsync(Uri url, BlockSink sink, int first, int end, CancellationToken cancellation)
    {
        var map = sink.Map;
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var timer = time.CreateTimer(
            state => ((CancellationTokenSource)state!).Cancel(), silence, patience, Timeout.InfiniteTimeSpan);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Range = new RangeHeaderValue(map.OffsetOf(first), map.OffsetOf(end - 1) + map.LengthOf(end - 1) - 1);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
            switch (response.StatusCode)
            {
                case HttpStatusCode.PartialContent when response.Content.Headers.ContentRange?.From == map.OffsetOf(first):
                    break;
                case HttpStatusCode.OK:
                    (first, end) = (0, map.Count);    // a server without ranges sends the whole file; blocks that are there are skipped
                    break;
                case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.Gone:
                    return new FetchResult.LinkRefused($"the download answered {(int)response.StatusCode}");
                default:
                    return new FetchResult.Failed($"the download answered {(int)response.StatusCode}");
            }
            await using var body = await response.Content.ReadAsStreamAsync(silence.Token);
            var buffer = ArrayPool<byte>.Shared.Rent(map.BlockBytes);
            try
            {
                for (int block = first; block < end; block++)
                {
                    var place = buffer.AsMemory(0, map.LengthOf(block));
                    await body.ReadExactlyAsync(place, silence.Token);
                    timer.Change(patience, Timeout.InfiniteTimeSpan);
                    sink.Accept(block, place.Span);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new FetchResult.Failed($"the download broke off: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new FetchResult.Failed($"the download was silent for {patience.TotalSeconds:0} s");
        }
    }
}
