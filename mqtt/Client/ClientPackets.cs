using System.Buffers;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>Between the client's records and packets.</summary>
internal static class ClientPackets
{
    public static void WriteConnect(MqttClientOptions options, IBufferWriter<byte> output)
    {
        var properties = new PropertyBuilder();
        if (options.SessionExpirySeconds != 0) properties.Add(PropertyId.SessionExpiryInterval, options.SessionExpirySeconds);
        if (options.ReceiveMaximum != 65_535) properties.Add(PropertyId.ReceiveMaximum, options.ReceiveMaximum);
        properties.Add(PropertyId.MaximumPacketSize, (uint)options.MaxPacketBytes);
        var will = options.Will?.Message;
        var willProperties = will is null ? new PropertyBuilder() : PropertiesOf(will);
        if (options.Will is { DelaySeconds: not 0 } delayed) willProperties.Add(PropertyId.WillDelayInterval, delayed.DelaySeconds);
        new ConnectPacket
        {
            Version = options.ProtocolVersion,
            CleanStart = options.CleanStart,
            KeepAlive = (ushort)options.KeepAlive.TotalSeconds,
            Properties = properties.Properties,
            ClientId = Encoding.UTF8.GetBytes(options.ClientId),
            HasWill = will is not null,
            WillQos = will?.Qos ?? default,
            WillRetain = will?.Retain ?? false,
            WillProperties = willProperties.Properties,
            WillTopic = will is null ? default : Encoding.UTF8.GetBytes(will.Topic),
            WillPayload = will is null ? default : will.Payload.Span,
            HasUserName = options.UserName is not null,
            UserName = options.UserName is null ? default : Encoding.UTF8.GetBytes(options.UserName),
            HasPassword = options.Password is not null,
            Password = options.Password is { } password ? password.Span : default,
        }.WriteTo(output);
    }

    public static PropertyBuilder PropertiesOf(MqttMessage message)
    {
        var properties = new PropertyBuilder();
        if (message.PayloadIsUtf8) properties.Add(PropertyId.PayloadFormatIndicator, 1);
        if (message.MessageExpirySeconds is { } expiry) properties.Add(PropertyId.MessageExpiryInterval, expiry);
        if (message.ContentType is { } contentType) properties.Add(PropertyId.ContentType, contentType);
        if (message.ResponseTopic is { } responseTopic) properties.Add(PropertyId.ResponseTopic, responseTopic);
        if (message.CorrelationData is { } correlation) properties.Add(PropertyId.CorrelationData, correlation.Span);
        foreach (var (name, value) in message.UserProperties) properties.AddUserProperty(name, value);
        return properties;
    }

    public static ConnectResult Read(ConnAckPacket packet) => new()
    {
        SessionPresent = packet.SessionPresent,
        ReasonCode = packet.ReasonCode,
        ReasonString = Text(packet.Properties, PropertyId.ReasonString),
        AssignedClientId = Text(packet.Properties, PropertyId.AssignedClientIdentifier),
        ServerKeepAlive = packet.Properties.ServerKeepAlive is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        SessionExpirySeconds = packet.Properties.SessionExpiryInterval,
        ReceiveMaximum = packet.Properties.ReceiveMaximum,
        MaximumQos = packet.Properties.MaximumQos,
        RetainAvailable = packet.Properties.RetainAvailable,
        MaximumPacketBytes = packet.Properties.MaximumPacketSize,
        TopicAliasMaximum = packet.Properties.TopicAliasMaximum,
        WildcardSubscriptionsAvailable = packet.Properties.WildcardSubscriptionAvailable,
        SharedSubscriptionsAvailable = packet.Properties.SharedSubscriptionAvailable,
        ServerReference = Text(packet.Properties, PropertyId.ServerReference),
    };

    public static IncomingMessage Read(PublishPacket packet)
    {
        var message = new IncomingMessage
        {
            Topic = Encoding.UTF8.GetString(packet.Topic),
            Payload = packet.Payload.ToArray(),
            Qos = packet.Qos,
            Retain = packet.Retain,
            Duplicate = packet.Duplicate,
        };
        return packet.Properties.IsEmpty ? message : message with
        {
            PayloadIsUtf8 = packet.Properties.PayloadIsUtf8,
            MessageExpirySeconds = packet.Properties.MessageExpiryInterval,
            ContentType = Text(packet.Properties, PropertyId.ContentType),
            ResponseTopic = Text(packet.Properties, PropertyId.ResponseTopic),
            CorrelationData = packet.Properties.TryGet(PropertyId.CorrelationData, out var correlation)
                ? correlation.Value.ToArray() : null,
            UserProperties = UserProperties(packet.Properties),
            SubscriptionIds = SubscriptionIds(packet.Properties),
        };
    }

    private static List<KeyValuePair<string, string>> UserProperties(Properties properties)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (var property in properties)
        {
            if (property.Id == PropertyId.UserProperty)
                pairs.Add(new(Encoding.UTF8.GetString(property.Name), Encoding.UTF8.GetString(property.Value)));
        }
        return pairs;
    }

    private static List<uint> SubscriptionIds(Properties properties)
    {
        var ids = new List<uint>();
        foreach (var property in properties)
        {
            if (property.Id == PropertyId.SubscriptionIdentifier) ids.Add(property.Number);
        }
        return ids;
    }

    private static string? Text(Properties properties, PropertyId id) =>
        properties.TryGet(id, out var property) ? Encoding.UTF8.GetString(property.Value) : null;
}
