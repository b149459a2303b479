using System.Threading.Channels;
using Fleet.DeviceSim.Agent.Jobs;

namespace Fleet.DeviceSim.Agent.Fetch;

/// <summary>
/// Fetches a file by MQTT stream (spec/aws-iot-topics.md, section 3): one request at a time for as many missing blocks as an answer
/// may carry; blocks are placed by number, so order, loss and repeats do not matter; silence is answered by asking
/// for what is still missing.
/// </summary>
/// <param name="ask">Publishes a get request.</param>
/// <param name="patience">Silence after which the missing blocks are asked for again.</param>
internal sealed class StreamFetch(
    FirmwareJob job, StreamFormat format, Func<byte[], CancellationToken, Task> ask, TimeSpan patience, TimeProvider time,
    FetchCounters counters)
{
    /// <summary>Requests in a row that may stay without a single block, as the FreeRTOS agent has it (3.7).</summary>
    public const int MaxUnanswered = 32;

    private readonly Channel<StreamAnswer> _answers = Channel.CreateUnbounded<StreamAnswer>(new() { SingleReader = true });

    /// <summary>A message on the stream's data topic. What cannot be read is lost, and lost blocks are asked for again.</summary>
    public void OnData(ReadOnlyMemory<byte> body)
    {
        if (StreamMessages.TryReadData(format, body, out var answer)) _answers.Writer.TryWrite(answer);
    }

    /// <summary>A message on the stream's rejected topic.</summary>
    public void OnRejected(ReadOnlyMemory<byte> body) => _answers.Writer.TryWrite(StreamMessages.ReadRejection(format, body));

    public async Task<FetchResult> RunAsync(BlockSink sink, CancellationToken cancellation)
    {
        int unanswered = 0;
        while (sink.Map.NextRequest() is { } request)
        {
            if (unanswered > 0) counters.AskedAgain();
            await ask(StreamMessages.Get(format, job.FileId, sink.Map.BlockBytes, request), cancellation);
            int outstanding = request.Count;
            bool anything = false;
            while (outstanding > 0)
            {
                switch (await NextAsync(cancellation))
                {
                    case StreamAnswer.Block block when IsOurs(block, sink.Map):
                        anything = true;
                        if (sink.Accept(block.Number, block.Data.Span) && request.Covers(block.Number)) outstanding--;
                        continue;
                    case StreamAnswer.Block:
                        continue;    // of another file or size: an answer to nobody
                    case StreamAnswer.Rejected rejected when !IsPassing(rejected.Code):
                        return new FetchResult.Failed($"the stream answered {rejected.Code}: {rejected.Message}");
                    case StreamAnswer.Rejected:
                        await Task.Delay(patience, time, cancellation);
                        break;
                    case null:
                        break;
                }
                break;
            }
            unanswered = anything ? 0 : unanswered + 1;
            if (unanswered == MaxUnanswered) return new FetchResult.Failed($"{MaxUnanswered} requests for blocks stayed without an answer");
        }
        return new FetchResult.Complete();
    }

    private bool IsOurs(StreamAnswer.Block block, BlockMap map) =>
        block.FileId == job.FileId && block.Number < map.Count && block.Data.Length == map.LengthOf(block.Number);

    private static bool IsPassing(string code) => code is "InternalError" or "RequestThrottled";

    /// <summary>Null when <paramref name="cancellation"/> is quiet but the stream is too.</summary>
    private async Task<StreamAnswer?> NextAsync(CancellationToken cancellation)
    {
        if (_answers.Reader.TryRead(out var ready)) return ready;
        try
        {
            await _answers.Reader.WaitToReadAsync(cancellation).AsTask().WaitAsync(patience, time, cancellation);
        }
        catch (TimeoutException)
        {
            return null;
        }
        return _answers.Reader.TryRead(out var answer) ? answer : null;
    }
}
