namespace Fleet.Mqtt;

/// <summary>The upper four bits of a fixed header; 0 is reserved. MQTT 5.0, 2.1.2.</summary>
public enum PacketType : byte
{
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,

    /// <summary>5.0 only.</summary>
    Auth = 15,
}

/// <summary>Which side sent a packet: some packets and properties may go one way only.</summary>
public enum Sender
{
    Client,
    Server,
}
