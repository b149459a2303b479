using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Shadows;
using Fleet.Mqtt;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// <c>$aws/things/{thing}/shadow/…</c>: spec/aws-iot-topics.md, section 1. Answers are ordinary messages, which any authorised subscriber
/// gets. Named shadows and delete are refused until the shadow grain offers them.
/// </summary>
internal sealed class ShadowTopics(IGrainFactory grains, Broker broker, GatewayClock clock) : IRequestHandler
{
    public TopicFamily Family => TopicFamily.Shadow;

    public async ValueTask Handle(ReservedRequest request, Requester requester)
    {
        var topic = request.Topic;
        if (!ThingName.TryParse(topic.Thing, out var thing))
            Reject(request, 400, $"'{topic.Thing}' is not a thing name.");
        else if (topic.Name.Length > 0)
            Reject(request, 400, "Named shadows are not supported yet.");
        else if (topic.Operation == "delete")
            Reject(request, 400, "Deleting a shadow is not supported yet.");
        else
            await Ask(
                request, grains.GetGrain<IShadowGrain>(thing.Value), requester.Identity.Thing == thing ? requester.Identity.Epoch : null);
    }

    private async Task Ask(ReservedRequest request, IShadowGrain shadow, SessionEpoch? sessionEpoch)
    {
        try
        {
            if (request.Topic.Operation == "get") Publish(await shadow.Get(request.Payload));
            else foreach (var answer in await shadow.Update(request.Payload, sessionEpoch)) Publish(answer);
        }
        catch
        {
            Reject(request, 500, "Internal service failure");
            throw;
        }
    }

    private void Publish(TopicMessage message) =>
        _ = broker.Publish(new Publication(Encoding.UTF8.GetBytes(message.Topic), message.Payload, Qos.AtLeastOnce));

    private void Reject(ReservedRequest request, int code, string message)
    {
        using var fields = RequestFields.Parse(request.Payload, out _);
        fields.ReadClientToken();
        Publish(new TopicMessage($"{request.Topic.Text}/rejected", JsonBody.Of(json =>
        {
            json.WriteNumber("code", code);
            json.WriteString("message", message);
            json.WriteNumber("timestamp", clock.UtcNow.ToUnixTimeSeconds());
            json.WriteOptional("clientToken", fields.ClientToken);
        })));
    }
}
