namespace Fleet.Mqtt;

/// <summary>Whose properties: one per packet type, and the will's within CONNECT.</summary>
internal enum PropertyOwner
{
    Will = 0,
    Connect = PacketType.Connect,
    ConnAck = PacketType.ConnAck,
    Publish = PacketType.Publish,
    PubAck = PacketType.PubAck,
    PubRec = PacketType.PubRec,
    PubRel = PacketType.PubRel,
    PubComp = PacketType.PubComp,
    Subscribe = PacketType.Subscribe,
    SubAck = PacketType.SubAck,
    Unsubscribe = PacketType.Unsubscribe,
    UnsubAck = PacketType.UnsubAck,
    Disconnect = PacketType.Disconnect,
    Auth = PacketType.Auth,
}

internal enum PropertyKind : byte
{
    Unknown,
    Byte,
    TwoBytes,
    FourBytes,
    VariableByteInteger,
    Binary,
    Utf8,
    Utf8Pair,
}

/// <summary>The table of MQTT 5.0, 2.2.2.2, and the limits that the sections of the packets add to it.</summary>
internal static class PropertyRules
{
    /// <summary>Properties in one packet. A packet of ten thousand user properties has cost brokers dearly.</summary>
    public const int MaxCount = 256;

    private static readonly PropertyKind[] Kinds = new PropertyKind[128];
    private static readonly ushort[] Owners = new ushort[128];

    static PropertyRules()
    {
        Define(PropertyId.PayloadFormatIndicator, PropertyKind.Byte, PropertyOwner.Publish, PropertyOwner.Will);
        Define(PropertyId.MessageExpiryInterval, PropertyKind.FourBytes, PropertyOwner.Publish, PropertyOwner.Will);
        Define(PropertyId.ContentType, PropertyKind.Utf8, PropertyOwner.Publish, PropertyOwner.Will);
        Define(PropertyId.ResponseTopic, PropertyKind.Utf8, PropertyOwner.Publish, PropertyOwner.Will);
        Define(PropertyId.CorrelationData, PropertyKind.Binary, PropertyOwner.Publish, PropertyOwner.Will);
        Define(PropertyId.SubscriptionIdentifier, PropertyKind.VariableByteInteger, PropertyOwner.Publish, PropertyOwner.Subscribe);
        Define(
            PropertyId.SessionExpiryInterval, PropertyKind.FourBytes, PropertyOwner.Connect, PropertyOwner.ConnAck,
            PropertyOwner.Disconnect);
        Define(PropertyId.AssignedClientIdentifier, PropertyKind.Utf8, PropertyOwner.ConnAck);
        Define(PropertyId.ServerKeepAlive, PropertyKind.TwoBytes, PropertyOwner.ConnAck);
        Define(PropertyId.AuthenticationMethod, PropertyKind.Utf8, PropertyOwner.Connect, PropertyOwner.ConnAck, PropertyOwner.Auth);
        Define(PropertyId.AuthenticationData, PropertyKind.Binary, PropertyOwner.Connect, PropertyOwner.ConnAck, PropertyOwner.Auth);
        Define(PropertyId.RequestProblemInformation, PropertyKind.Byte, PropertyOwner.Connect);
        Define(PropertyId.WillDelayInterval, PropertyKind.FourBytes, PropertyOwner.Will);
        Define(PropertyId.RequestResponseInformation, PropertyKind.Byte, PropertyOwner.Connect);
        Define(PropertyId.ResponseInformation, PropertyKind.Utf8, PropertyOwner.ConnAck);
        Define(PropertyId.ServerReference, PropertyKind.Utf8, PropertyOwner.ConnAck, PropertyOwner.Disconnect);
        Define(
            PropertyId.ReasonString, PropertyKind.Utf8, PropertyOwner.ConnAck, PropertyOwner.PubAck, PropertyOwner.PubRec,
            PropertyOwner.PubRel, PropertyOwner.PubComp, PropertyOwner.SubAck, PropertyOwner.UnsubAck, PropertyOwner.Disconnect,
            PropertyOwner.Auth);
        Define(PropertyId.ReceiveMaximum, PropertyKind.TwoBytes, PropertyOwner.Connect, PropertyOwner.ConnAck);
        Define(PropertyId.TopicAliasMaximum, PropertyKind.TwoBytes, PropertyOwner.Connect, PropertyOwner.ConnAck);
        Define(PropertyId.TopicAlias, PropertyKind.TwoBytes, PropertyOwner.Publish);
        Define(PropertyId.MaximumQos, PropertyKind.Byte, PropertyOwner.ConnAck);
        Define(PropertyId.RetainAvailable, PropertyKind.Byte, PropertyOwner.ConnAck);
        Define(PropertyId.UserProperty, PropertyKind.Utf8Pair, Enum.GetValues<PropertyOwner>());
        Define(PropertyId.MaximumPacketSize, PropertyKind.FourBytes, PropertyOwner.Connect, PropertyOwner.ConnAck);
        Define(PropertyId.WildcardSubscriptionAvailable, PropertyKind.Byte, PropertyOwner.ConnAck);
        Define(PropertyId.SubscriptionIdentifierAvailable, PropertyKind.Byte, PropertyOwner.ConnAck);
        Define(PropertyId.SharedSubscriptionAvailable, PropertyKind.Byte, PropertyOwner.ConnAck);
    }

    /// <summary>Identifiers are variable byte integers on the wire, but none defined needs more than one byte.</summary>
    public static PropertyKind KindOf(int id) => (uint)id < (uint)Kinds.Length ? Kinds[id] : PropertyKind.Unknown;

    public static bool Allows(PropertyOwner owner, PropertyId id) => (Owners[(int)id] & (1 << (int)owner)) != 0;

    public static bool MayRepeat(PropertyOwner owner, PropertyId id) =>
        id == PropertyId.UserProperty || (id == PropertyId.SubscriptionIdentifier && owner == PropertyOwner.Publish);

    public static void CheckValue(in Property property)
    {
        if (KindOf((int)property.Id) is PropertyKind.Utf8 or PropertyKind.Utf8Pair
            && !(MqttUtf8.IsValid(property.Name) && MqttUtf8.IsValid(property.Value)))
            throw Fault.Malformed($"{property.Id} is not well-formed UTF-8, or holds U+0000 (1.5.4)");
        switch (property.Id)
        {
            case PropertyId.PayloadFormatIndicator or PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation
                or PropertyId.MaximumQos or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable
                or PropertyId.SubscriptionIdentifierAvailable or PropertyId.SharedSubscriptionAvailable when property.Number > 1:
                throw Fault.Protocol($"{property.Id} is 0 or 1 (2.2.2.2)");
            case PropertyId.ReceiveMaximum or PropertyId.MaximumPacketSize or PropertyId.SubscriptionIdentifier when property.Number == 0:
                throw Fault.Protocol($"{property.Id} may not be 0 (2.2.2.2)");
            case PropertyId.TopicAlias when property.Number == 0:
                throw new MqttProtocolException(ReasonCode.TopicAliasInvalid, "Topic alias 0 (3.3.2.3.4).");
            case PropertyId.ResponseTopic when !TopicName.IsValid(property.Value):
                throw Fault.Protocol("a response topic is empty or holds wildcards (3.3.2.3.5)");
        }
    }

    private static void Define(PropertyId id, PropertyKind kind, params ReadOnlySpan<PropertyOwner> owners)
    {
        Kinds[(int)id] = kind;
        foreach (var owner in owners) Owners[(int)id] |= (ushort)(1 << (int)owner);
    }
}
