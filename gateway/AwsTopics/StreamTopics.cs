using System.Buffers;
using System.Text;
using Fleet.Gateway.Blocks;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// <c>$aws/things/{thing}/streams/{stream}/…</c>: spec/aws-iot-topics.md, section 3. Blocks come from the cache and go to the requesting
/// device as its subscription has it; one that is not subscribed gets none. No byte passes through a grain.
/// </summary>
internal sealed class StreamTopics(
    IGrainFactory grains, StreamLeases streams, BlockCache blocks, GatewayClock clock, GatewayMetrics metrics, ILogger<StreamTopics> log)
    : IRequestHandler
{
    /// <summary>How long a device's permission is believed: so long a cancelled download may go on.</summary>
    private const long AllowedForMs = 10_000;

    public TopicFamily Family => TopicFamily.Streams;

    public async ValueTask Handle(ReservedRequest request, Requester requester)
    {
        var topic = request.Topic;
        string? token = null;
        StreamRefusal? refusal;
        try
        {
            var parsed = StreamRequest.TryParse(request.Payload, topic.Format, out refusal);
            if ((parsed?.ClientToken ?? refusal?.ClientToken) is { } sent
                && Encoding.UTF8.GetByteCount(sent) <= RequestFields.MaxClientTokenBytes)
            {
                token = sent;
            }
            if (topic.Operation.Length == 0) refusal = new("InvalidTopic", $"'{topic.Text}' is no operation of streams.");
            if (refusal is null)
            {
                refusal = topic.Operation == "describe"
                    ? await Describe(topic, token, requester)
                    : await Get(topic, parsed!, token, requester);
            }
        }
        catch
        {
            Reject(topic, new("InternalError", "The service failed; try again."), token, requester);
            throw;
        }
        if (refusal is not null) Reject(topic, refusal, token, requester);
    }

    private async ValueTask<StreamRefusal?> Describe(ReservedTopic topic, string? token, Requester requester)
    {
        var (stream, refusal) = await Find(topic, requester);
        if (stream is null) return refusal;
        requester.Answer(AnswerTopic(topic, "description"), StreamMessages.Description(stream, token, topic.Format));
        return null;
    }

    private async ValueTask<StreamRefusal?> Get(ReservedTopic topic, StreamRequest request, string? token, Requester requester)
    {
        if (request.Check() is { } wrong) return wrong;
        var (stream, refusal) = await Find(topic, requester);
        if (stream is null) return refusal;
        if (request.Version is { } version && version != stream.Version)
            return new("VersionMismatch", $"The stream's version is {stream.Version}, not {version}.");
        if (stream.Description.Files.FirstOrDefault(candidate => candidate.FileId == request.FileId) is not { } file)
            return new("ResourceNotFound", $"The stream has no file {request.FileId}.");

        string dataTopic = AnswerTopic(topic, "data");
        if (requester.SubscribedQos(dataTopic) is not { } qos) return null;
        byte[] dataTopicBytes = Encoding.UTF8.GetBytes(dataTopic);
        bool any = false;
        foreach (int block in request.Blocks(file.SizeBytes))
        {
            any = true;
            // Blocks wait here rather than in the queue, which a slow device would fill.
            var room = requester.Room();
            if (!room.IsCompleted) await room;
            if (!await Send(file, block, request.BlockBytes!.Value, topic.Format, token, dataTopicBytes, qos, requester))
            {
                log.BlobMissing(file.Sha256);
                return new("ResourceNotFound", "The file is not there.");
            }
        }
        return any ? null : new("InvalidRequest", "The data requested is out of the range of data available.");
    }

    private async ValueTask<bool> Send(
        StreamFile file, int block, int blockBytes, PayloadFormat format, string? token, byte[] topic, Qos qos, Requester requester)
    {
        long offset = (long)block * blockBytes;
        int length = (int)Math.Min(blockBytes, file.SizeBytes - offset);
        byte[] message = StreamMessages.Begin(format, token, file.FileId, block, length, out var place);
        var reading = blocks.Read(file.Sha256, offset, message.AsMemory(place));
        if (!(reading.IsCompletedSuccessfully ? reading.Result : await reading))
        {
            ArrayPool<byte>.Shared.Return(message);
            return false;
        }
        int bytes = StreamMessages.Finish(format, message, place);
        requester.Send(new PooledPublication(topic, message, bytes, Qos.AtLeastOnce), qos);
        metrics.BlockServed(length);
        return true;
    }

    private async ValueTask<(StreamLease?, StreamRefusal?)> Find(ReservedTopic topic, Requester requester)
    {
        var notFound = new StreamRefusal("ResourceNotFound", $"There is no stream '{topic.Name}'.");
        if (!ThingName.TryParse(topic.Thing, out var thing) || !StreamId.TryParse(topic.Name, out var id)) return (null, notFound);
        // First: a job names a stream that is there, so nobody is asked for, and nothing is kept of, a name that a device makes up.
        if (!await MayDownload(thing, id, requester))
            return (null, new("Unauthorized", "The device has no job under way that needs this stream."));
        return await streams.Get(id) is { } stream ? (stream, null) : (null, notFound);
    }

    private async ValueTask<bool> MayDownload(ThingName thing, StreamId stream, Requester requester)
    {
        long now = clock.NowMs;
        if (requester.Downloads.TryGetValue(stream.Value, out long until) && now < until) return true;
        requester.Downloads.Remove(stream.Value);
        // A refusal is not remembered: the job may be on its way.
        if (!await grains.GetGrain<IDeviceGrain>(thing.Value).MayDownload(stream)) return false;
        if (requester.Downloads.Count >= 16) requester.Downloads.Clear();
        requester.Downloads[stream.Value] = now + AllowedForMs;
        return true;
    }

    /// <summary>Only to a device that listens: older agents do not, and would take it for something else.</summary>
    private static void Reject(ReservedTopic topic, StreamRefusal refusal, string? token, Requester requester)
    {
        string to = AnswerTopic(topic, "rejected");
        if (requester.SubscribedQos(to) is not null) requester.Answer(to, StreamMessages.Rejected(refusal, token, topic.Format));
    }

    private static string AnswerTopic(ReservedTopic topic, string what) =>
        $"$aws/things/{topic.Thing}/streams/{topic.Name}/{what}/{(topic.Format == PayloadFormat.Cbor ? "cbor" : "json")}";
}
