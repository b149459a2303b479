namespace Fleet.Mqtt;

/// <summary>
/// The peer broke the protocol: the connection ends, with <see cref="Reason"/> where the version can say so. MQTT 5.0, 4.13.
/// </summary>
/// <param name="reason">What a 5.0 server puts into CONNACK or DISCONNECT. A 3.1.1 server closes without a word.</param>
/// <param name="message">What is wrong, and the section of MQTT that says so.</param>
public sealed class MqttProtocolException(ReasonCode reason, string message) : Exception(message)
{
    public ReasonCode Reason { get; } = reason;
}
