using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>What a client's topic aliases stand for on this connection. MQTT 5.0, 3.3.2.3.4.</summary>
internal sealed class TopicAliases(int maximum)
{
    private byte[][]? _topics;

    /// <summary>The topic name of a PUBLISH, its alias noted or looked up.</summary>
    /// <exception cref="MqttProtocolException">0x94 above the maximum; 0x82 for an alias that was never set.</exception>
    public ReadOnlySpan<byte> Resolve(scoped in PublishPacket publish, ReadOnlySpan<byte> topic)
    {
        if (publish.Properties.IsEmpty || publish.Properties.TopicAlias is not { } alias) return topic;
        if (alias > maximum)
        {
            throw new MqttProtocolException(
                ReasonCode.TopicAliasInvalid, $"Topic alias {alias} is over the maximum of {maximum} (3.3.2.3.4).");
        }
        _topics ??= new byte[maximum][];
        if (topic.IsEmpty)
        {
            return _topics[alias - 1] ?? throw new MqttProtocolException(
                ReasonCode.ProtocolError, $"Topic alias {alias} was never set (3.3.2.3.4).");
        }
        if (!topic.SequenceEqual(_topics[alias - 1])) _topics[alias - 1] = topic.ToArray();
        return topic;
    }
}
