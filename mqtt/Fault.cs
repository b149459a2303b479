namespace Fleet.Mqtt;

/// <summary>The two ways to break the protocol that need no telling apart beyond their code. MQTT 5.0, 1.2.</summary>
internal static class Fault
{
    /// <summary>It cannot be parsed.</summary>
    public static MqttProtocolException Malformed(string what) => new(ReasonCode.MalformedPacket, "Malformed packet: " + what);

    /// <summary>It can be parsed, and says what may not be said.</summary>
    public static MqttProtocolException Protocol(string what) => new(ReasonCode.ProtocolError, "Protocol error: " + what);
}
