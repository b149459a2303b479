namespace Fleet.Mqtt;

/// <summary>Quality of service. MQTT 5.0, 4.3.</summary>
public enum Qos : byte
{
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}
