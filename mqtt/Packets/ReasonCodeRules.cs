namespace Fleet.Mqtt;

/// <summary>Which reason codes a packet may carry (MQTT 5.0, 2.4), and the return codes of 3.1.1 they stand for.</summary>
internal static class ReasonCodeRules
{
    public static ReasonCode Read(byte code, PacketType type)
    {
        if (!Allows(type, (ReasonCode)code)) throw Fault.Protocol($"reason code 0x{code:X2} does not belong to {type} (2.4)");
        return (ReasonCode)code;
    }

    public static bool Allows(PacketType type, ReasonCode code) => type switch
    {
        PacketType.ConnAck => code is ReasonCode.Success or (>= ReasonCode.UnspecifiedError and <= ReasonCode.Banned)
            or ReasonCode.BadAuthenticationMethod or ReasonCode.TopicNameInvalid or ReasonCode.PacketTooLarge or ReasonCode.QuotaExceeded
            or ReasonCode.PayloadFormatInvalid or (>= ReasonCode.RetainNotSupported and <= ReasonCode.ServerMoved)
            or ReasonCode.ConnectionRateExceeded,
        PacketType.PubAck or PacketType.PubRec =>
            code is ReasonCode.Success or ReasonCode.NoMatchingSubscribers or ReasonCode.UnspecifiedError
            or ReasonCode.ImplementationSpecificError or ReasonCode.NotAuthorized or ReasonCode.TopicNameInvalid
            or ReasonCode.PacketIdentifierInUse or ReasonCode.QuotaExceeded or ReasonCode.PayloadFormatInvalid,
        PacketType.PubRel or PacketType.PubComp => code is ReasonCode.Success or ReasonCode.PacketIdentifierNotFound,
        PacketType.SubAck => code is <= ReasonCode.GrantedQos2 or ReasonCode.UnspecifiedError or ReasonCode.ImplementationSpecificError
            or ReasonCode.NotAuthorized or ReasonCode.TopicFilterInvalid or ReasonCode.PacketIdentifierInUse or ReasonCode.QuotaExceeded
            or ReasonCode.SharedSubscriptionsNotSupported or ReasonCode.SubscriptionIdentifiersNotSupported
            or ReasonCode.WildcardSubscriptionsNotSupported,
        PacketType.UnsubAck => code is ReasonCode.Success or ReasonCode.NoSubscriptionExisted or ReasonCode.UnspecifiedError
            or ReasonCode.ImplementationSpecificError or ReasonCode.NotAuthorized or ReasonCode.TopicFilterInvalid
            or ReasonCode.PacketIdentifierInUse,
        PacketType.Disconnect => code is ReasonCode.Success or ReasonCode.DisconnectWithWill
            or (>= ReasonCode.UnspecifiedError and <= ReasonCode.ImplementationSpecificError) or ReasonCode.NotAuthorized
            or ReasonCode.ServerBusy or ReasonCode.ServerShuttingDown or (>= ReasonCode.KeepAliveTimeout and <= ReasonCode.TopicNameInvalid)
            or (>= ReasonCode.ReceiveMaximumExceeded and <= ReasonCode.WildcardSubscriptionsNotSupported),
        PacketType.Auth => code is ReasonCode.Success or ReasonCode.ContinueAuthentication or ReasonCode.ReAuthenticate,
        _ => false,
    };

    /// <summary>The five refusals of MQTT 3.1.1, 3.2.2.3.</summary>
    public static byte ToConnectReturnCode(ReasonCode code) => code switch
    {
        ReasonCode.Success => 0,
        ReasonCode.UnsupportedProtocolVersion => 1,
        ReasonCode.ClientIdentifierNotValid => 2,
        ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod => 4,
        ReasonCode.NotAuthorized or ReasonCode.Banned => 5,
        _ => 3,
    };

    public static ReasonCode FromConnectReturnCode(byte code) => code switch
    {
        0 => ReasonCode.Success,
        1 => ReasonCode.UnsupportedProtocolVersion,
        2 => ReasonCode.ClientIdentifierNotValid,
        3 => ReasonCode.ServerUnavailable,
        4 => ReasonCode.BadUserNameOrPassword,
        5 => ReasonCode.NotAuthorized,
        _ => throw Fault.Protocol($"CONNACK return code {code} is reserved (3.1.1, 3.2.2.3)"),
    };
}
