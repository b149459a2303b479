using Fleet.Interfaces.Messaging;

namespace Fleet.Interfaces.Shadows;

/// <summary>
/// One shadow. The key is <c>{thing}</c> for the classic shadow, <c>{thing}/{name}</c> for a named one. Requests and answers are the JSON
/// of spec/aws-iot-topics.md, section 1: malformed ones come back as a rejected message.
/// </summary>
[Alias("fleet.shadow-grain")]
public interface IShadowGrain : IGrainWithStringKey
{
    /// <summary>
    /// The messages that answer the request, in the order to publish them: delta, documents, accepted; or rejected alone.
    /// </summary>
    /// <param name="sessionEpoch">Of the session, if the device itself asks: <see cref="Devices.DeviceSession.Epoch"/>.</param>
    Task<ImmutableArray<TopicMessage>> Update(ReadOnlyMemory<byte> request, SessionEpoch? sessionEpoch = null);

    /// <summary>The message that answers the request: get/accepted or get/rejected.</summary>
    Task<TopicMessage> Get(ReadOnlyMemory<byte> request);
}
