namespace Fleet.Mqtt;

/// <summary>The server answered CONNECT with a refusal.</summary>
public sealed class MqttConnectRefusedException(ConnectResult result)
    : Exception($"The server refused the connection: {result.ReasonCode}{(result.ReasonString is { } why ? $" ({why})" : "")}.")
{
    public ConnectResult Result { get; } = result;
    public ReasonCode ReasonCode => Result.ReasonCode;
}

/// <summary>
/// There is no connection (any more): it could not be opened, or it ended before the operation was answered. Whether the server
/// carried the operation out is unknown, so a QoS 1 publish is to be repeated.
/// </summary>
public sealed class MqttConnectionLostException(string message, Exception? inner = null) : Exception(message, inner);
