namespace Fleet.Mqtt;

/// <summary>The protocol level that a CONNECT names; both sides speak it from then on. MQTT 5.0, 3.1.2.2.</summary>
public enum MqttVersion : byte
{
    V311 = 4,
    V5 = 5,
}
